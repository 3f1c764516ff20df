import { EventEmitter } from 'node:events'
import type { Logger } from 'pino'
import type { ConsumerPoolOptions } from '../config/options.js'
import { resolveConfig } from '../config/resolve.js'
import type { KafkaConfig, ResolvedConfig, SlotConfig } from '../config/resolved.js'
import { heapFlags, heapFlagsWarning } from '../config/rules/heap-flags.js'
import { nativeThreadsHint } from '../config/rules/native-threads.js'
import { ErrorCode, PoolError } from '../errors.js'
import { ClientIds } from '../identity.js'
import { createClient } from '../kafka/create-client.js'
import type { Client, ClusterView } from '../kafka/face.js'
import { createLogger, relay } from '../telemetry/logger.js'
import { monotonicMs } from '../util/clock.js'
import { every } from '../util/timers.js'
import { announce } from './announce.js'
import type { PoolEvents } from './events.js'
import { LeaderNews } from './leader-news.js'
import { Coordinator } from './membership/coordinator.js'
import { Group } from './membership/group.js'
import { kafkaOfSeat } from './membership/seat-times.js'
import { checkTopics } from './membership/topic-check.js'
import { TopicWatch } from './membership/topic-watch.js'
import { Slot } from './slot.js'
import { frozen, type PoolState, type PoolStatus } from './status.js'
import { Escalation } from './supervision/escalation.js'
import { HungHandlers } from './supervision/hung-handlers.js'
import { RestartLimiter } from './supervision/restart-limiter.js'
import { surplusWarning } from './surplus-slots.js'
import { Threads } from './threads/threads.js'

/** How often the pool looks whether messages wait and nothing moves, and whether there is hope that it will. */
const STALL_LOOK_MS = 1_000
/** How long ending the last threads may take when the pool stops. */
const CLOSE_MS = 300
/** Two groups of the same name on different clusters are two groups. */
const groupKey = ({ kafka, consumer }: SlotConfig): string => JSON.stringify([kafka.brokers, consumer.groupId])

/** Booted threads that wait for a slot to need them: the more slots, the sooner two need one at the same time. */
const sparesFor = (slots: number): number => 1 + Math.floor(slots / 4)

const stoppedTooSoon = (cause?: unknown): PoolError =>
  new PoolError(ErrorCode.poolStopped, 'the pool was stopped before it had started', { cause })

const THREAD_ENTRY = new URL('../../workers/entry.cjs', import.meta.url)

/**
 * Consumes Kafka on every core of this machine: one worker thread per slot, each with its own connection, while the
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
  readonly #config: ResolvedConfig
  readonly #log: Logger
  readonly #ids = new ClientIds()
  readonly #limiter = new RestartLimiter()
  readonly #groups = new Map<string, Group>()
  readonly #clients = new Map<string, Client>()
  readonly #watches = new Map<Client, TopicWatch>()
  readonly #news = new Map<Client, LeaderNews>()
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #escalation: Escalation
  #slots: readonly Slot[] = []
  #threads: Threads | null = null
  #liveness: HungHandlers | null = null
  #state: PoolState = 'created'
  #starting: Promise<void> | null = null
  #stopping: Promise<void> | null = null
  #isStarted = false
  #generationsAtStart = 0
  #escalated: PoolError | null = null

  /** @throws {@link PoolError} `KCP_CONFIG_INVALID` that lists every fault of the options */
  constructor(options: ConsumerPoolOptions) {
    super()
    this.#config = resolveConfig(options)
    this.#log = createLogger(options.logger)
    this.#escalation = new Escalation(this.#config.pool.restart)
  }

  /**
   * Starts the threads, loads the handlers, then joins the group; resolves when every slot has its assignment. Concurrent
   * callers share one start.
   *
   * @throws {@link PoolError} with one clear reason when that cannot be; the pool has then stopped itself
   */
  start(): Promise<void> {
    if (this.#stopping !== null) {
      return Promise.reject(new PoolError(ErrorCode.poolStopped, 'this pool was stopped; create a new ConsumerPool'))
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
   * ends the threads. Idempotent; concurrent callers share one stop. Never rejects.
   */
  stop(): Promise<void> {
    return this.#stop(this.#config.pool.drainTimeoutMs)
  }

  /** A plain frozen snapshot of what the pool, its slots and their partitions are doing. */
  status(): PoolStatus {
    const slots = this.#slots.map((slot) => slot.status())
    const sum = (value: (slot: (typeof slots)[number]) => number) =>
      slots.reduce((total, slot) => total + value(slot), 0)
    const partitions = slots.flatMap((slot) => slot.assignment)
    return frozen({
      state: this.#shownState,
      slots,
      totals: {
        finished: sum((slot) => slot.finished),
        failed: sum((slot) => slot.failed),
        retried: sum((slot) => slot.retried),
        restarts: sum((slot) => slot.restarts),
        inFlight: sum((slot) => slot.inFlight),
        lag: partitions.reduce((total, { lag }) => total + BigInt(lag ?? 0), 0n).toString(),
        rebalances: this.#isStarted ? this.#generations() - this.#generationsAtStart : 0,
        lostThreads: this.#threads?.lost ?? 0,
      },
    })
  }

  // ── start ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  async #start(): Promise<void> {
    this.#state = 'starting'
    const { slots, pool: settings } = this.#config
    const flags = heapFlags(process.execArgv, process.env.NODE_OPTIONS)
    if (flags.length > 0) this.#log.warn(heapFlagsWarning(flags))
    const hint = nativeThreadsHint(slots, process.env.UV_THREADPOOL_SIZE)
    if (hint !== null) this.#log.info(hint)
    const threads = new Threads({
      size: slots.length,
      spares: sparesFor(slots.length),
      resourceLimits: settings.resourceLimits,
      handlers: [...new Set(slots.map(({ handler }) => handler))],
      entry: THREAD_ENTRY,
      loadTimeoutMs: settings.loadTimeoutMs,
      terminateTimeoutMs: settings.terminateTimeoutMs,
      onLost: () => this.#considerEscalation(),
      log: this.#log,
    })
    this.#threads = threads
    await Promise.all(slots.map(({ kafka }) => this.#clientOf(kafka).connect()))
    if (this.#stopping !== null) throw stoppedTooSoon()
    await this.#checkBroker()
    if (this.#stopping !== null) throw stoppedTooSoon()
    this.#slots = slots.map((config) => this.#createSlot(config, threads))
    this.#liveness = new HungHandlers({
      slots: this.#slots,
      log: this.#log,
    })
    this.#every(settings.commitIntervalMs, () => {
      for (const slot of this.#slots) void slot.commit()
    })
    this.#every(STALL_LOOK_MS, () => {
      for (const slot of this.#slots) slot.watch(monotonicMs())
      this.#considerEscalation()
    })
    // Nothing joins before every handler is loaded: a pool that cannot start shall not disturb its groups.
    await Promise.all(this.#slots.map((slot) => slot.boot()))
    await Promise.all(this.#slots.map((slot) => slot.join()))
    if (this.#stopping !== null) throw stoppedTooSoon()
    this.#generationsAtStart = this.#generations()
    this.#isStarted = true
    if (this.#state === 'starting') this.#state = 'running'
    this.#log.info({ slots: slots.length }, 'pool running')
  }

  /** What must be so before anything joins: static membership is understood, the topics are there. */
  async #checkBroker(): Promise<void> {
    for (const { consumer, kafka, slot } of this.#config.slots) {
      if (consumer.groupInstanceId === null || this.#clientOf(kafka).supportsStaticMembership) continue
      throw new PoolError(
        ErrorCode.brokerTooOld,
        `group.instance.id "${consumer.groupInstanceId}" is set, but the broker is too old for static membership. Use Kafka 2.3 or newer, or remove group.instance.id`,
        { slot, groupId: consumer.groupId },
      )
    }
    const found = await checkTopics(this.#config.slots, async (kafka, names) => {
      const topics = await this.#clientOf(kafka).topics(names)
      this.#topicWatch(kafka).begin(topics)
      return topics
    })
    const surplus = surplusWarning(this.#config.slots, found)
    if (surplus !== null) this.#log.warn(surplus)
  }

  #createSlot(config: SlotConfig, threads: Threads): Slot {
    const { groupId } = config.consumer
    const poolClient = this.#clientOf(config.kafka)
    const watch = this.#topicWatch(config.kafka)
    const nextClientId = () => this.#ids.next(config.kafka.clientId, config.slot)
    return new Slot({
      config,
      settings: this.#config.pool,
      threads,
      limiter: this.#limiter,
      group: this.#groupFor(config),
      poolClient,
      coordinator: new Coordinator(poolClient, groupId),
      createSeatClient: () => this.#connection(nextClientId(), kafkaOfSeat(config)),
      nextClientId,
      topics: (names) => watch.metadata(names),
      isNew: (partition) => watch.known.isNew(partition),
      log: this.#log,
      emit: (event, payload) => this.#announce(event, payload),
      relay: (line) => relay(this.#log, line),
      onLeadersLost: (partitions) => this.#newsOf(poolClient).lost(partitions),
      onTrouble: (crash) => {
        if (crash !== null) this.#escalation.note(crash)
        this.#considerEscalation()
      },
    })
  }

  #groupFor(config: SlotConfig): Group {
    const key = groupKey(config)
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const seats = this.#config.slots.filter((other) => groupKey(other) === key).length
    const group = new Group(config.consumer.groupId, seats)
    this.#groups.set(key, group)
    return group
  }

  #connection(clientId: string, kafka: KafkaConfig): Client {
    return createClient({ clientId, kafka, log: this.#log, loadTimeoutMs: this.#config.pool.loadTimeoutMs })
  }

  /** One connection beside the seats' own, for commits and metadata (one for each way to reach a cluster). */
  #clientOf(kafka: KafkaConfig): Client {
    const key = JSON.stringify(kafka)
    const known = this.#clients.get(key)
    if (known !== undefined) return known
    const client = this.#connection(this.#ids.next(kafka.clientId, 'pool'), kafka)
    this.#clients.set(key, client)
    return client
  }

  /** One for each connection beside the seats' own. */
  #topicWatch(kafka: KafkaConfig): TopicWatch {
    const client = this.#clientOf(kafka)
    const known = this.#watches.get(client)
    if (known !== undefined) return known
    const slots = this.#config.slots.filter((slot) => this.#clientOf(slot.kafka) === client)
    const topicsOf = (group: Group) =>
      new Set(slots.filter((slot) => this.#groupFor(slot) === group).flatMap(({ topics }) => topics))
    const watch = new TopicWatch({
      groups: () =>
        [...new Set(slots.map((slot) => this.#groupFor(slot)))].map((group) => ({ group, topics: topicsOf(group) })),
      metadata: (names) => client.topics(names),
      intervalMs: Math.min(...slots.map(({ consumer }) => consumer.metadataMaxAge)),
      heartbeatMs: Math.max(...slots.map(({ consumer }) => consumer.heartbeatInterval)),
      log: this.#log,
    })
    this.#watches.set(client, watch)
    return watch
  }

  /** What threads that reach their cluster in the same way tell each other of its leaders. */
  #newsOf(client: Client): LeaderNews {
    const known = this.#news.get(client)
    if (known !== undefined) return known
    const tell = (view: ClusterView) => {
      for (const slot of this.#slots) {
        if (this.#clientOf(slot.config.kafka) === client) slot.tellLeaders(view)
      }
    }
    const news = new LeaderNews({ client, tell, log: this.#log })
    this.#news.set(client, news)
    return news
  }

  // ── stop ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #stop(drainTimeoutMs: number): Promise<void> {
    this.#stopping ??= this.#drainAndClose(drainTimeoutMs)
    return this.#stopping
  }

  async #drainAndClose(drainTimeoutMs: number): Promise<void> {
    const beganAtMs = monotonicMs()
    this.#state = 'stopping'
    for (const watch of this.#watches.values()) watch.close()
    this.#limiter.cancel()
    const deadlineMs = beganAtMs + drainTimeoutMs
    const stopped = this.#slots.map((slot) => slot.stop(deadlineMs, this.#leavesOnStop(slot.config)))
    // A pool that stops while it starts: seats that have just been told may wait there for some that will never come.
    for (const { barrier } of this.#groups.values()) barrier.open()
    const drained = await Promise.all(stopped)
    for (const timer of this.#timers) clearInterval(timer)
    this.#liveness?.close()
    for (const group of this.#groups.values()) group.close()
    for (const news of this.#news.values()) news.close()
    for (const client of this.#clients.values()) client.close()
    await this.#threads?.close(CLOSE_MS)
    this.#state = 'stopped'
    const afterMs = monotonicMs() - beganAtMs
    this.#log.info({ afterMs: Math.round(afterMs) }, 'pool stopped')
    this.#announce('pool:stopped', { afterMs, drained: drained.every(Boolean) })
  }

  /**
   * A static member stays in the group when the process stops: it will be back (KIP-345). Of a start that came to nothing
   * nothing stays.
   */
  #leavesOnStop({ consumer }: SlotConfig): boolean {
    const { leaveOnStop } = this.#config.pool
    if (!this.#isStarted) return true
    return leaveOnStop === 'always' || (leaveOnStop === 'dynamic' && consumer.groupInstanceId === null)
  }

  // ── trouble ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #considerEscalation(): void {
    if (this.#state === 'stopping' || this.#state === 'stopped') return
    const before = this.#escalated
    this.#escalated = this.#escalation.judge({
      slots: this.#slots.length,
      parked: this.#slots.filter(({ isGivenUp }) => isGivenUp).length,
      lostThreads: this.#threads?.lost ?? 0,
      outlooks: this.#slots.map(({ outlook }) => outlook),
      nowMs: monotonicMs(),
    })
    if (this.#escalated === null) {
      if (before !== null) this.#log.info('the pool heals itself again')
    } else if (before === null) {
      this.#log.fatal({ err: this.#escalated }, 'pool escalated')
      this.#announce('pool:escalated', { error: this.#escalated })
    }
  }

  get #shownState(): PoolState {
    if (this.#state !== 'starting' && this.#state !== 'running') return this.#state
    if (this.#escalated !== null) return 'escalated'
    const isHealthy = this.#slots.every((slot) => slot.isHealthy)
    return this.#state === 'running' && !isHealthy ? 'degraded' : this.#state
  }

  // ── small things ──────────────────────────────────────────────────────────────────────────────────────────────────

  #generations(): number {
    return [...this.#groups.values()].reduce((sum, { generations }) => sum + generations, 0)
  }

  #every(ms: number, action: () => void): void {
    const timer = every(action, ms)
    this.#timers.add(timer)
  }

  /** A listener that throws or rejects is the listener's problem: the control plane goes on. */
  #announce<K extends keyof PoolEvents>(event: K, payload: PoolEvents[K][0]): void {
    announce(this, event, frozen(payload), (err) => {
      this.#log.error({ err, event }, `a listener of the event ${event} failed`)
    })
  }
}
