import { pino } from 'pino'
import type { AssignorName } from '#src/config/assignor-names.js'
import type { PoolSettings } from '#src/config/resolved.js'
import { Clusters } from '#src/control/clusters.js'
import { Groups } from '#src/control/groups.js'
import { Coordinator } from '#src/control/membership/coordinator.js'
import { Slot } from '#src/control/slot.js'
import { HungHandlers } from '#src/control/supervision/hung-handlers.js'
import { RestartLimiter } from '#src/control/supervision/restart-limiter.js'
import { monotonicMs } from '#src/util/clock.js'
import { restartConfig } from '../config/restart-config.js'
import { slotConfig } from '../config/slot-config.js'
import type { Diary } from './diary.js'
import type { Dice } from './dice.js'
import { FakeClient } from './fake-client.js'
import { FakeThreads } from './fake-threads.js'
import { FakeWriter } from './fake-writer.js'
import type { SimulatedCoordinator } from './simulated-coordinator.js'
import type { SimulatedNetwork } from './simulated-network.js'
import { SimulatedThreads, type SimulatedWorld } from './simulated-threads.js'

const DRAIN_MS = 10_000
/** What a stop may take beyond its time to drain: the last commit, leaving, the goodbye to the threads. */
const STOP_MS = 2_700
const SESSION_MS = 15_000
/** For how long a handler may take. */
export const MAX_PROCESSING_MS = 20_000

const log = pino({ level: 'silent' })

export interface SimulatedPoolOptions {
  readonly name: string
  readonly slots: number
  readonly isStatic: boolean
  readonly assignor: AssignorName
  readonly coordinator: SimulatedCoordinator
  readonly network: SimulatedNetwork
  readonly dice: Dice
  readonly diary: Diary
  /** Whether nothing has gone wrong for so long that all must be well. */
  readonly isCalm: () => boolean
  /** Whether nothing happens that may cost finished work. */
  readonly repeatsNothing: boolean
}

/** The slots of a pool with all that they share, put together as `ConsumerPool` does it, without sockets and threads. */
export class SimulatedPool {
  readonly name: string
  readonly sharedClients: FakeClient[] = []
  readonly seatClients: FakeClient[] = []
  readonly slots: readonly { readonly slot: Slot; readonly threads: SimulatedThreads }[]
  hasFailed = false
  isOver = false
  readonly #options: SimulatedPoolOptions
  readonly #groups: Groups
  readonly #clusters: Clusters
  readonly #limiter = new RestartLimiter()
  readonly #hung: HungHandlers
  readonly #looks: NodeJS.Timeout
  #isChecked = false
  #isUp = false
  #stopping: Promise<void> | null = null

  constructor(options: SimulatedPoolOptions) {
    const { name, slots, isStatic, assignor, dice } = options
    this.#options = options
    this.name = name
    const configs = Array.from({ length: slots }, (_, slot) =>
      slotConfig({
        ...{ slot, concurrency: 2, maxProcessingMs: MAX_PROCESSING_MS, assignors: [assignor] },
        consumer: {
          groupInstanceId: isStatic ? `${name}-${slot}` : null,
          ...{ sessionTimeout: SESSION_MS, metadataMaxAge: 30_000 },
        },
      }),
    )
    this.#groups = new Groups(configs)
    this.#clusters = new Clusters({
      ...{ slots: configs, groups: this.#groups, log },
      createClient: () => this.#sharedClient(),
      createWriter: () => new FakeWriter(`${this.#options.name}-writer`),
    })
    const settings: PoolSettings = {
      ...{ commitIntervalMs: 1_000, drainTimeoutMs: DRAIN_MS, loadTimeoutMs: 60_000, terminateTimeoutMs: 5_000 },
      ...{ recovery: dice.chance(0.3) ? 'rejoin' : 'handover', leaveOnStop: 'dynamic' },
      ...{ isolation: 'thread', resourceLimits: {}, maxRssMb: 4_096, admin: null, threadImports: [] },
      scaling: { catchUpMs: 30_000, quietMs: 120_000 },
      restart: restartConfig({ maxRestarts: 3, maxDelayMs: 10_000, probeMs: 20_000 }),
    }
    this.slots = configs.map((config) => this.#newSlot(config, settings))
    this.#hung = new HungHandlers({ slots: this.slots.map(({ slot }) => slot), log })
    this.#looks = setInterval(() => {
      for (const { slot } of this.slots) {
        void slot.commit()
        slot.watch(monotonicMs())
      }
    }, 1_000)
  }

  get isStopping(): boolean {
    return this.#stopping !== null
  }

  async start(): Promise<void> {
    const { diary } = this.#options
    try {
      await this.#clusters.check()
      this.#isChecked = true
      if (this.#stopping !== null) throw new Error('stopped')
      await Promise.all(this.slots.map(({ slot }) => slot.boot()))
      await Promise.all(this.slots.map(({ slot }) => slot.join()))
      this.#isUp = true
      diary.event(`${this.name} is up`)
    } catch (error) {
      this.hasFailed = true
      diary.event(`${this.name} failed to start: ${(error as Error).message}`)
    }
  }

  /** Looks whether it ends in time, and whether a stop on a good network repeats nothing and leaves nobody behind. */
  stop(leavesAlways: boolean): Promise<void> {
    this.#stopping ??= this.#stop(leavesAlways || !this.#isUp || !this.#options.isStatic)
    return this.#stopping
  }

  async #stop(leaves: boolean): Promise<void> {
    const { diary, coordinator, repeatsNothing } = this.#options
    const fromMs = monotonicMs()
    diary.event(`${this.name} stops`)
    const members = this.slots.map(({ slot }) => slot.seat.membership.memberId)
    this.#clusters.stopWatching()
    this.#limiter.cancel()
    const stopped = this.slots.map(({ slot }) => slot.stop(fromMs + DRAIN_MS, leaves))
    this.#groups.openBarriers()
    const drained = (await Promise.all(stopped)).every(Boolean)
    clearInterval(this.#looks)
    this.#hung.close()
    this.#groups.close()
    this.#clusters.close()
    this.isOver = true
    const ms = monotonicMs() - fromMs
    diary.event(`${this.name} stopped after ${Math.round(ms)} ms${drained ? '' : ', and did not drain'}`)
    if (ms > DRAIN_MS + STOP_MS) diary.fault(`the stop of ${this.name} took ${ms} ms`)
    if (this.slots.some(({ threads }) => threads.living !== null))
      diary.fault(`the stop of ${this.name} leaves a thread`)
    if (!repeatsNothing) return
    for (const id of members)
      if (leaves && coordinator.has(id)) diary.fault(`the stop of ${this.name} leaves ${id} behind`)
    for (const partition of drained ? coordinator.lastHandledBy(this) : []) {
      const [done, committed] = [coordinator.doneOf(partition), coordinator.committed.get(partition) ?? 0n]
      // One may have come back when a rebalance took its partition away: these threads let no rebalance wait for it.
      if (done > committed + 1n)
        diary.fault(`the stop of ${this.name} repeats: partition ${partition} up to ${done}, committed ${committed}`)
    }
  }

  #sharedClient(): FakeClient {
    const { name, network } = this.#options
    const client = network.answers(new FakeClient(`${name}-pool`), { any: 30_000, commit: 6_000 })
    const { topics } = client
    // The pauses of the check before the start go by the real clock.
    client.topics = async (names) => (this.#isChecked ? topics(names) : network.topics(names))
    this.sharedClients.push(client)
    return client
  }

  #newSlot(config: ReturnType<typeof slotConfig>, settings: PoolSettings) {
    const { name, network, coordinator, dice, diary, isCalm, repeatsNothing } = this.#options
    const cluster = this.#clusters.of(config)
    const fakes = new FakeThreads()
    const slot: Slot = new Slot({
      ...this.#groups.of(config),
      ...{ config, settings, log, limiter: this.#limiter },
      threads: fakes.asThreads,
      poolClient: cluster.client,
      deadLetters: cluster.deadLetters,
      coordinator: new Coordinator(cluster.client, config.consumer.groupId),
      createSeatClient: () => {
        const client = new FakeClient(`${name}-seat-${config.slot}`)
        this.seatClients.push(client)
        return network.answers(client, { any: SESSION_MS / 3, commit: 6_000 })
      },
      nextClientId: () => `${name}-${config.slot}-${fakes.all.length}`,
      topics: (names) => cluster.topics(names),
      emit: (event) => {
        if (event.startsWith('slot:')) diary.event(`${name}.${config.slot} ${event}`)
      },
      relay: () => {},
      onLeadersLost: () => {},
      onTrouble: () => {},
      onHeapFull: () => {},
    })
    const world: SimulatedWorld = {
      repeatsNothing,
      get calm() {
        return isCalm()
      },
      get isStable() {
        return coordinator.isStable && slot.seat.state === 'stable'
      },
      get assigned() {
        return coordinator.assignedTo(slot.seat.membership.memberId)
      },
      doneOf: (partition) => coordinator.doneOf(partition),
      handled: (partition, offset) => {
        coordinator.handled(partition, offset, this)
      },
    }
    return { slot, threads: new SimulatedThreads(fakes, { group: world, dice, diary }) }
  }
}
