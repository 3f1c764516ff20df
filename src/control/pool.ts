import { EventEmitter } from 'node:events'
import type { Logger } from 'pino'
import { type Administered, AdminServer } from '../admin/admin-server.js'
import type { ConsumerPoolOptions } from '../config/options.js'
import { type Configuration, configure } from '../config/resolve.js'
import type { KafkaConfig, ResolvedConfig, SlotConfig } from '../config/resolved.js'
import { ErrorCode, PoolError } from '../errors.js'
import { ClientIds } from '../identity.js'
import type { Client } from '../kafka/client.js'
import { createClient } from '../kafka/create-client.js'
import { createLogger, relay } from '../telemetry/logger.js'
import { monotonicMs } from '../util/clock.js'
import { every } from '../util/timers.js'
import { mayEnter } from '../util/transitions.js'
import { announce } from './announce.js'
import { Clusters } from './clusters.js'
import type { PoolEvents } from './events.js'
import { Groups } from './groups.js'
import { kafkaOfSeat } from './membership/seat-times.js'
import { openStateDir, type PoolStateDir } from './pool-state-dir.js'
import { POOL_TRANSITIONS, type PoolStep } from './pool-states.js'
import { describePool } from './pool-status.js'
import { sparesFor, threadsFor } from './pool-threads.js'
import { RECYCLE_LOOK_MS, Recycler } from './recycling/recycler.js'
import { AutoScaler } from './scaling/auto-scaler.js'
import { Scaler } from './scaling/scaler.js'
import { SlotSet } from './scaling/slot-set.js'
import { slotsAtStart } from './scaling/slots-at-start.js'
import { Slot } from './slot.js'
import { frozen, type PoolStatus } from './status.js'
import type { SeekTarget } from './steering/seek-target.js'
import { Steering } from './steering/steering.js'
import { Subscribing } from './steering/subscribing.js'
import { type SubscriptionChoice, subscriptionOf } from './steering/subscription-choice.js'
import type { TopicSelection } from './steering/topic-selection.js'
import { Escalation } from './supervision/escalation.js'
import { HungHandlers } from './supervision/hung-handlers.js'
import { RestartLimiter } from './supervision/restart-limiter.js'
import type { Threads } from './threads/threads.js'

/** How often the pool looks whether messages wait and nothing moves, and whether there is hope that it will. */
const STALL_LOOK_MS = 1_000
/** How long ending the last threads may take when the pool stops. */
const CLOSE_MS = 300

const stopped = (): PoolError =>
  new PoolError(ErrorCode.poolStopped, 'this pool was stopped; create a new ConsumerPool')

const stoppedTooSoon = (cause?: unknown): PoolError =>
  new PoolError(ErrorCode.poolStopped, 'the pool was stopped before it had started', { cause })

/**
 * Consumes Kafka on every core of this machine: one worker thread per slot, each with its own client, while the
 * membership in the consumer group lives here on the main thread.
 *
 * ```ts
 * const pool = new ConsumerPool({
 *   kafka: { brokers: ['127.0.0.1:9092'] },
 *   consumer: { groupId: 'orders' },
 *   subscriptions: [{ topics: ['orders'], handler: new URL('./handler.mjs', import.meta.url) }],
 * })
 * await pool.start()
 * ```
 *
 * A pool starts once and stops once.
 */
export class ConsumerPool extends EventEmitter<PoolEvents> {
  readonly #configuration: Configuration
  readonly #config: ResolvedConfig
  readonly #log: Logger
  readonly #ids = new ClientIds()
  readonly #limiter = new RestartLimiter()
  readonly #groups: Groups
  readonly #clusters: Clusters
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #escalation: Escalation
  readonly #slots = new SlotSet()
  readonly #scaler: Scaler
  readonly #steering: Steering
  readonly #subscribing: Subscribing
  #autoScaler: AutoScaler | null = null
  readonly #admin: AdminServer | null
  #threads: Threads | null = null
  #hungHandlers: HungHandlers | null = null
  #recycler: Recycler | null = null
  #stateDir: PoolStateDir | null = null
  #step: PoolStep = 'created'
  #starting: Promise<void> | null = null
  #stopping: Promise<void> | null = null
  /** Null until the start is complete. */
  #generationsAtStart: number | null = null
  #escalated: PoolError | null = null

  /** @throws {@link PoolError} `KCP_CONFIG_INVALID` that lists every fault of the options */
  constructor(options: ConsumerPoolOptions) {
    super()
    this.#configuration = configure(options)
    this.#config = this.#configuration.config
    this.#log = createLogger(options.logger)
    this.#escalation = new Escalation(this.#config.pool.restart)
    const slots = slotsAtStart(this.#config)
    const { pool: settings } = this.#config
    this.#admin = settings.admin && new AdminServer({ ...settings.admin, pool: this.#administered(), log: this.#log })
    this.#groups = new Groups(slots)
    this.#steering = new Steering({
      slots: () => this.#slots.all,
      isSubscribed: (topic) => this.#groups.includes(topic),
      isStopping: () => this.#stopping !== null,
      log: this.#log,
    })
    this.#clusters = new Clusters({
      slots,
      groups: this.#groups,
      createClient: (kafka) => this.#createClient(this.#ids.next(kafka.clientId, 'pool'), kafka),
      createWriter: (kafka) => this.#createClient(this.#ids.next(kafka.clientId, 'dlq'), kafka),
      log: this.#log,
    })
    this.#subscribing = new Subscribing({
      groups: this.#groups,
      slots: () => (this.#step === 'created' ? slots : this.#slots.wanted.map(({ config }) => config)),
      clusterOf: (slot) => this.#clusters.of(slot),
      hasBegun: () => this.#step !== 'created',
      isStopping: () => this.#stopping !== null,
      log: this.#log,
    })
    this.#scaler = this.#createScaler()
  }

  /**
   * Starts the threads, loads the handlers, then joins the group; resolves when every slot has its assignment. Concurrent
   * callers share one start.
   *
   * @throws {@link PoolError} with one clear reason when that cannot be; the pool has then stopped itself
   */
  start(): Promise<void> {
    if (this.#stopping !== null) {
      return Promise.reject(stopped())
    }
    this.#starting ??= this.#start().catch(async (error: unknown) => {
      const wasStopped = this.#stopping !== null
      await this.#stop(0)
      throw wasStopped ? stoppedTooSoon(error) : error
    })
    return this.#starting
  }

  /**
   * Lets the handlers in flight finish (for at most `drainTimeoutMs`), commits what is finished, leaves the group and
   * ends the threads: `drainTimeoutMs` + 3 s at most. Idempotent; concurrent callers share one stop. Never rejects.
   */
  stop(): Promise<void> {
    return this.#stop(this.#config.pool.drainTimeoutMs)
  }

  /**
   * Begins no message of these partitions any more, until {@link resume}: what is in flight finishes and is committed, and the
   * group does not notice. That outlasts crashes and rebalances; partitions that the pool gets later are paused, too, and what
   * another process has goes on there. May be called before {@link start}.
   *
   * @param partitions one, several, or (absent) all of the topic, also those that are still to come
   * @returns a promise of the moment in which none of their handlers is in flight; it rejects with `KCP_NOT_SUBSCRIBED` when
   *   no subscription has the topic
   */
  pause(topic: string, partitions?: number | readonly number[]): Promise<void> {
    return this.#steering.pause(topic, partitions)
  }

  /**
   * Lets partitions go on: those that {@link pause} has paused, and nothing else; where it has not, those that stand still
   * (`partition:paused`). Such a one is tried again within a second, however long it would have had to wait. One that stands
   * still because of `deadLetter.breaker` goes on in no other way, but for a restart or `deadLetter.resumeAfterMs`; one whose
   * next message has killed threads, but for a restart.
   *
   * @param partitions one, several, or (absent) all of the topic
   * @returns whether one of them was paused, or stood still in this pool
   */
  resume(topic: string, partitions?: number | readonly number[]): boolean {
    return this.#steering.resume(topic, partitions)
  }

  /**
   * Lets a partition that this pool holds go on elsewhere, back or forward. What is in flight there is cancelled (`context.signal`
   * fires) and does not count; what had failed, killed or waited for its dead letter is tried anew.
   *
   * ```ts
   * await pool.seek('orders', 3, { timestamp: Date.now() - 3_600_000 })
   * ```
   *
   * @param to an offset, `'beginning'`, `'end'`, or `{ timestamp }`: at the first message that is not older, or else at the end
   * @returns a promise of the offset, which resolves when the group has stored it, so that no crash undoes it. It rejects with
   *   `KCP_PARTITION_NOT_HELD`, `KCP_OFFSET_OUT_OF_RANGE` or `KCP_NOT_SUBSCRIBED`
   */
  seek(topic: string, partition: number, to: SeekTarget): Promise<string> {
    return this.#steering.seek(topic, partition, to)
  }

  /**
   * Adds topics to a subscription: its members join their group again, whose next assignment has them (`group:assigned`). Before
   * {@link start} they are added to what it begins with. Nothing of it is stored: the next process begins with its configuration.
   *
   * @param topics names, and regular expressions
   * @param choice which subscription, by its index, where there are several
   * @returns a promise that resolves when they are subscribed to; it rejects with `KCP_TOPIC_MISSING` and the like, as a start does, and
   *   with `KCP_CONFIG_INVALID`
   */
  async subscribe(topics: TopicSelection, choice: SubscriptionChoice = {}): Promise<void> {
    await this.#startedIfAsked()
    await this.#subscribing.subscribe(topics, choice)
  }

  /**
   * Takes topics from a subscription, as {@link subscribe} adds them. What is in flight finishes and is committed, as in any
   * rebalance. Without topics a member stays in its group, and has nothing to do.
   *
   * @returns a promise that rejects with `KCP_NOT_SUBSCRIBED` when the subscription does not name them
   */
  async unsubscribe(topics: TopicSelection, choice: SubscriptionChoice = {}): Promise<void> {
    await this.#startedIfAsked()
    await this.#subscribing.unsubscribe(topics, choice)
  }

  /**
   * Has the thread of a slot replaced by a fresh one, as soon as a spare is there and it stands between two messages: what
   * is in flight finishes, nothing is repeated, and the group does not notice. `slot:recycled` says when it is done.
   *
   * @param slot its number, from 0
   * @returns false when there is no such slot, or no thread works there now
   */
  recycle(slot: number): boolean {
    return this.#recycler?.ask(slot, monotonicMs()) ?? false
  }

  /**
   * Adds slots, or removes those with the highest numbers, parked ones before others, while the pool runs. Calls are carried out one after the other,
   * and the last one counts. What is added gets the lowest numbers that are free; what is removed finishes what is in
   * flight (for at most `drainTimeoutMs`), commits, and leaves the group for good, also a static member.
   *
   * Resolves when it is done (or what was asked later): the new slots have their assignments, those that were removed are gone.
   *
   * @param slots from 1 to 1,024; with `workers: { min, max }` within these
   * @param choice which subscription, by its index, where there are several
   * @throws {@link PoolError} `KCP_NOT_SCALED` when that cannot be, `KCP_POOL_STOPPED` when the pool stops, or why new slots
   *   cannot start (the code of what a start would reject with); none of them is there then
   */
  async scale(slots: number, choice: SubscriptionChoice = {}): Promise<void> {
    const subscription = subscriptionOf(choice)
    if (this.#step === 'created' || this.#step === 'starting') {
      throw new PoolError(ErrorCode.notScaled, 'scale(): the pool is not running yet. Await start() first')
    }
    const before = this.#slots.staying.length
    await this.#scaler.scale(slots, subscription, 'asked')
    const { staying } = this.#slots
    if (this.#step !== 'running' || staying.length === before) return
    await this.#clusters.warnOfSurplus(staying.map(({ config }) => config)).catch((err: unknown) => {
      this.#log.debug({ err }, 'could not see whether all slots have something to do')
    })
  }

  /** Where the admin server (option `admin`) listens, such as `http://127.0.0.1:9464`; null while it does not. */
  get adminAddress(): string | null {
    return this.#admin?.address ?? null
  }

  /** A plain frozen snapshot of what the pool, its slots and their partitions are doing. */
  status(): PoolStatus {
    return describePool({
      step: this.#step,
      isEscalated: this.#escalated !== null,
      slots: this.#slots,
      config: this.#config,
      topicsOf: (subscription) => this.#groups.topicsOf(subscription),
      wantedOf: (subscription) => this.#scaler.wantedOf(subscription),
      rebalances: this.#groups.generations - (this.#generationsAtStart ?? this.#groups.generations),
      lostThreads: this.#threads?.lost ?? 0,
    })
  }

  // ── start ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #start(): Promise<void> {
    this.#enter('starting')
    const { pool: settings } = this.#config
    const slots = slotsAtStart(this.#config)
    if (this.#admin !== null) {
      await this.#admin.listen()
      if (this.#stopping !== null) throw stoppedTooSoon()
    }
    const threads = threadsFor(this.#config, {
      onLost: () => this.#considerEscalation(),
      onSpare: () => this.#recycler?.look(monotonicMs()),
      log: this.#log,
    })
    this.#threads = threads
    this.#stateDir = openStateDir(this.#config, this.#groups, this.#log)
    const assignors = slots.flatMap((slot) => slot.assignors)
    // Side by side, so that a stop ends the wait for either.
    await Promise.all([this.#groups.assignors.load(assignors, settings.loadTimeoutMs), this.#clusters.connect()])
    if (this.#stopping !== null) throw stoppedTooSoon()
    await this.#clusters.check()
    if (this.#stopping !== null) throw stoppedTooSoon()
    const coming = slots.map((config) => this.#createSlot(config, threads))
    const { all } = this.#slots
    this.#hungHandlers = new HungHandlers({ slots: all, log: this.#log })
    const recycler = new Recycler({
      slots: all,
      spares: () => threads.warm,
      rss: () => process.memoryUsage.rss() + threads.rss,
      maxRssMb: settings.maxRssMb,
      log: this.#log,
    })
    this.#recycler = recycler
    this.#every(RECYCLE_LOOK_MS, () => recycler.tick(monotonicMs()))
    this.#every(settings.commitIntervalMs, () => {
      for (const slot of all) void slot.commit()
    })
    this.#every(STALL_LOOK_MS, () => {
      for (const slot of all) slot.watch(monotonicMs())
      this.#steering.look(monotonicMs())
      this.#groups.forget()
      this.#considerEscalation()
    })
    // Nothing joins before every handler is loaded: a pool that cannot start shall not disturb its groups.
    await Promise.all(coming.map((slot) => slot.boot()))
    await Promise.all(coming.map((slot) => slot.join()))
    if (this.#stopping !== null) throw stoppedTooSoon()
    this.#generationsAtStart = this.#groups.generations
    this.#slots.stay(coming)
    this.#enter('running')
    this.#log.info({ slots: slots.length }, 'pool running')
    this.#autoScaler = new AutoScaler({
      ...{ config: this.#config, slots: this.#slots, scaler: this.#scaler, log: this.#log },
    })
  }

  #createSlot(config: SlotConfig, threads: Threads): Slot {
    const cluster = this.#clusters.of(config)
    const nextClientId = () => this.#ids.next(config.kafka.clientId, config.slot)
    const slot = new Slot({
      config,
      settings: this.#config.pool,
      threads,
      limiter: this.#limiter,
      ...this.#groups.of(config),
      onHold: this.#steering.onHold,
      poolClient: cluster.client,
      deadLetters: cluster.deadLetters,
      coordinator: cluster.coordinatorOf(config.consumer.groupId),
      createSeatClient: () => this.#createClient(nextClientId(), kafkaOfSeat(config)),
      nextClientId,
      topics: (names) => cluster.topics(names),
      log: this.#log,
      emit: (event, payload) => this.#announce(event, payload),
      relay: (line) => relay(this.#log, line),
      onLeadersLost: (partitions) => cluster.leadersLost(partitions),
      ...(this.#stateDir !== null && { journals: this.#stateDir.journalsOf(config.slot) }),
      onTrouble: (crash) => {
        if (crash !== null) this.#escalation.note(crash)
        this.#considerEscalation()
      },
      onHeapFull: () => this.#recycler?.look(monotonicMs()),
      incarnations: this.#slots.incarnationsOf(config.slot),
    })
    this.#slots.come(
      slot,
      cluster.onLeaders((view) => slot.tellLeaders(view)),
    )
    return slot
  }

  #createScaler(): Scaler {
    const { workers, slots, pool } = this.#config
    return new Scaler({
      ...{ workers, slots: this.#slots, configs: slots, groups: this.#groups, log: this.#log },
      more: this.#configuration.more,
      drainTimeoutMs: pool.drainTimeoutMs,
      admit: async (configs) => {
        await this.#groups.assignors.load(
          configs.flatMap(({ assignors }) => assignors),
          pool.loadTimeoutMs,
        )
        if (this.#stopping !== null) throw new PoolError(ErrorCode.poolStopped, 'the pool stops')
        await this.#clusters.admit(configs)
        for (const { slot, consumer } of configs) this.#stateDir?.follow(slot, consumer.groupId)
      },
      create: (config) => {
        if (this.#threads === null) throw new PoolError(ErrorCode.internal, 'a pool without threads has no slots')
        return this.#createSlot(config, this.#threads)
      },
      onSlots: () => {
        const { wanted, leaving } = this.#slots
        const numbers = leaving.map(({ config }) => config.slot)
        this.#threads?.resize(wanted.length, sparesFor(wanted.length), numbers)
      },
      onScaled: (event) => {
        this.#log.info(event, 'pool scaled')
        void this.#announce('pool:scaled', event)
      },
    })
  }

  #createClient(clientId: string, kafka: KafkaConfig): Client {
    return createClient({ clientId, kafka, log: this.#log, loadTimeoutMs: this.#config.pool.loadTimeoutMs })
  }

  // ── stop ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #stop(drainTimeoutMs: number): Promise<void> {
    this.#stopping ??= this.#drainAndClose(drainTimeoutMs)
    return this.#stopping
  }

  async #drainAndClose(drainTimeoutMs: number): Promise<void> {
    const beganAtMs = monotonicMs()
    this.#enter('stopping')
    this.#stateDir?.close() // whatever ends the process now, it was to end
    this.#clusters.stopWatching()
    this.#limiter.cancel()
    this.#autoScaler?.close()
    // What leaves already is gone before those that begin now.
    const left = this.#scaler.close()
    const deadlineMs = beganAtMs + drainTimeoutMs
    const stopped = this.#slots.wanted.map((slot) => slot.stop(deadlineMs, this.#leavesOnStop(slot.config)))
    // A pool that stops while it starts: seats that have just been told may wait there for some that will never come.
    this.#groups.openBarriers()
    const drained = await Promise.all([left, ...stopped])
    for (const timer of this.#timers) clearInterval(timer)
    this.#hungHandlers?.close()
    this.#groups.close()
    this.#clusters.close()
    await this.#threads?.close(CLOSE_MS)
    this.#enter('stopped')
    const afterMs = monotonicMs() - beganAtMs
    this.#log.info({ afterMs: Math.round(afterMs) }, 'pool stopped')
    void this.#announce('pool:stopped', { afterMs, drained: drained.every(Boolean) })
    await this.#admin?.close()
  }

  /**
   * A static member stays in the group when the process stops: it will be back (KIP-345), unless it came while the pool
   * ran, for the next process does not begin with it. Of a start that came to nothing nothing stays.
   */
  #leavesOnStop(config: SlotConfig): boolean {
    const { leaveOnStop } = this.#config.pool
    if (this.#generationsAtStart === null) return true
    const willBeBack = config.consumer.groupInstanceId !== null && slotsAtStart(this.#config).includes(config)
    return leaveOnStop === 'always' || (leaveOnStop === 'dynamic' && !willBeBack)
  }

  // ── trouble ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #considerEscalation(): void {
    if (this.#step === 'stopping' || this.#step === 'stopped') return
    const before = this.#escalated
    const { wanted } = this.#slots
    this.#escalated = this.#escalation.judge({
      slots: wanted.length,
      parked: wanted.filter(({ isGivenUp }) => isGivenUp).length,
      lostThreads: this.#threads?.lost ?? 0,
      outlooks: wanted.map(({ outlook }) => outlook),
      nowMs: monotonicMs(),
    })
    if (this.#escalated === null) {
      if (before !== null) this.#log.info('the pool heals itself again')
    } else if (before === null) {
      this.#log.fatal({ err: this.#escalated }, 'pool escalated')
      void this.#announce('pool:escalated', { error: this.#escalated })
    }
  }

  /** Whether there is a start or not, there is none under way then. */
  async #startedIfAsked(): Promise<void> {
    if (this.#stopping === null) await this.#starting
    if (this.#stopping !== null) throw stopped()
  }

  // ── small things ──────────────────────────────────────────────────────────────────────────────────────────────────

  #enter(step: PoolStep): void {
    if (!mayEnter(POOL_TRANSITIONS, this.#step, step)) {
      throw new PoolError(ErrorCode.internal, `a pool cannot go from ${this.#step} to ${step}`)
    }
    this.#step = step
  }

  #administered(): Administered {
    return {
      status: () => this.status(),
      measures: () => this.#slots.measures,
      pause: (topic, partitions) => this.pause(topic, partitions),
      resume: (topic, partitions) => this.resume(topic, partitions),
      seek: (topic, partition, to) => this.seek(topic, partition, to),
      scale: (slots, options) => this.scale(slots, options),
      recycle: (slot) => this.recycle(slot),
      setLogLevel: (level) => {
        this.#log.info({ from: this.#log.level, to: level }, 'the level of the log changes') // which may be the last line
        this.#log.level = level
        for (const slot of this.#slots.all) slot.setLogLevel(level)
      },
    }
  }

  #every(ms: number, action: () => void): void {
    const timer = every(action, ms)
    this.#timers.add(timer)
  }

  /** A listener that throws or rejects is the listener's problem: the control plane goes on. */
  #announce<K extends keyof PoolEvents>(event: K, payload: PoolEvents[K][0]): Promise<unknown> {
    const said = frozen(payload)
    this.#admin?.tell(event, said)
    return announce(this, event, said, (err) => {
      this.#log.error({ err, event }, `a listener of the event ${event} failed`)
    })
  }
}
