import type { Logger } from 'pino'
import type { PoolSettings, SlotConfig } from '../config/resolved.js'
import { ErrorCode, PoolError } from '../errors.js'
import type { Connection, Membership, TopicMetadata, TopicPartition, TopicPartitionOffset } from '../kafka/face.js'
import { Control } from '../protocol/ledger.js'
import type { FromThread } from '../protocol/messages.js'
import { monotonicMs } from '../util/clock.js'
import { deferred } from '../util/deferred.js'
import { within } from '../util/within.js'
import { AssignmentTaker } from './assignment-taker.js'
import { Commits } from './commits.js'
import type { Coordinator } from './coordinator.js'
import type { EventPartition, InFlightMessage, PoolEvents, SlotIdentity } from './events.js'
import type { Group } from './group.js'
import { type Holding, Holdings, partitionKey, reached } from './holdings.js'
import { Incarnations } from './incarnations.js'
import { StallWatch } from './stall-watch.js'
import { type Crash, decideRestart, isFruitful, rememberCrash } from './restarts.js'
import type { RestartLimiter } from './restart-limiter.js'
import { Seat, type SeatHost } from './seat.js'
import { describeSlot } from './slot-status.js'
import type { SlotState, SlotStatus } from './status.js'
import type { Thread, ThreadExit } from './thread.js'
import type { Threads } from './threads.js'

/** How long a rebalance with an eager protocol waits for a busy handler before the seat joins without it. */
const RELEASE_WAIT_MS = 3_000
/** How long a new thread may take to load its handler and connect, before a start counts as failed. */
const READY_TIMEOUT_MS = 60_000
/** How long the commits of a rebalance or a stop may hold it up. */
const COMMIT_WAIT_MS = 1_000
/** How many of the messages that killed a thread are remembered, to know a repeated killer. */
const VICTIMS_KEPT = 100

const HANDLER_ERRORS: readonly string[] = [
  ErrorCode.handlerNotFound,
  ErrorCode.handlerThrewOnImport,
  ErrorCode.handlerNotAFunction,
  ErrorCode.moduleNotUsable,
]

export type Emit = <K extends keyof PoolEvents>(event: K, payload: PoolEvents[K][0]) => void

export interface SlotOptions {
  readonly config: SlotConfig
  readonly settings: PoolSettings
  readonly threads: Threads
  readonly limiter: RestartLimiter
  readonly group: Group
  /** The connection that the whole pool shares, and the group's coordinator over it. */
  readonly sharedConnection: Connection
  readonly shared: Coordinator
  /** Opens a connection for the seat, under a fresh client id. */
  readonly connect: () => Connection
  readonly nextClientId: () => string
  readonly topics: (names: readonly string[]) => Promise<readonly TopicMetadata[]>
  readonly log: Logger
  readonly emit: Emit
  /** Re-emits a line of a thread's logger. */
  readonly relay: (line: string) => void
  /** A crash happened or the slot was parked: the pool looks whether it must escalate. */
  readonly onTrouble: (crash: Crash | null) => void
}

/** A crash from which the slot has not recovered yet. */
interface Recovery {
  readonly noticedAtMs: number
  readonly by: 'handover' | 'rejoin'
}

/**
 * A stable place in the pool: its seat in the group, the thread that fills it now, and the books of what it holds.
 * The books outlive the threads, so a thread that dies is replaced without the group noticing.
 */
export class Slot implements SeatHost {
  readonly config: SlotConfig
  readonly #options: SlotOptions
  readonly #log: Logger
  readonly #holdings = new Holdings()
  readonly #incarnations: Incarnations
  readonly #seat: Seat
  readonly #commits: Commits
  readonly #taker: AssignmentTaker
  readonly #stall: StallWatch
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #started = deferred<void>()
  #state: SlotState = 'starting'
  #isStarted = false
  /** The assignment of the current generation is in the books. */
  #inForce = false
  #generation = -1
  #settledIncarnation = 0
  #recovery: Recovery | null = null
  #crashes: readonly Crash[] = []
  #victims: TopicPartitionOffset[] = []
  #readySinceMs: number | null = null
  #probing = false
  #restarts = 0
  #lastError: PoolError | null = null

  constructor(options: SlotOptions) {
    this.#options = options
    this.config = options.config
    const { config, shared, sharedConnection, group, connect, topics, threads, nextClientId } = options
    this.#log = options.log.child({ slot: config.slot })
    this.#seat = new Seat({ config, group, host: this, log: this.#log, connect, shared, topics })
    this.#taker = new AssignmentTaker({ config, holdings: this.#holdings, sharedConnection, shared, log: this.#log })
    this.#incarnations = new Incarnations({
      config,
      threads,
      nextClientId,
      logLevel: options.log.level,
      onReady: (thread) => void this.#equip(thread),
      onMessage: (message) => this.#hear(message),
      onExit: (thread, exit) => this.#threadExited(thread, exit),
    })
    this.#commits = new Commits({
      holdings: this.#holdings,
      shared,
      membership: () => this.#seat.membership,
      onDoubt: () => this.#seat.poke(),
      onCommitted: (offsets, generation) => this.#committed(offsets, generation),
      log: this.#log,
    })
    this.#stall = new StallWatch()
  }

  get state(): SlotState {
    return this.#state
  }

  get seat(): Seat {
    return this.#seat
  }

  /** The thread that fills the slot now. */
  get thread(): Thread | null {
    return this.#incarnations.thread
  }

  // ── life ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Resolves when the slot has its assignment and its thread has taken up the positions. */
  async start(): Promise<void> {
    const thread = this.#incarnations.start()
    this.#expectReady(thread)
    this.#seat.start().catch((error: unknown) => this.#started.reject(error))
    await this.#started.promise
  }

  /** Commits what is finished. Never rejects. */
  commit(): Promise<void> {
    return this.#commits.now()
  }

  /** Ends the slot's thread, which will be replaced. */
  endThread(why: PoolError): void {
    void this.#incarnations.thread?.end(why)
  }

  /** Looks whether messages wait and nothing moves. Call it about once a second. */
  watch(nowMs: number): void {
    const { maxProcessingMs, retry } = this.config
    const busy = this.#state !== 'running' || (this.#incarnations.thread?.ledger.flights(nowMs).length ?? 0) > 0
    const stalledMs = this.#stall.look(this.#holdings.all(), busy, nowMs)
    if (stalledMs <= maxProcessingMs + retry.maxDelayMs) return
    this.endThread(
      new PoolError(
        ErrorCode.handlerHung,
        `slot ${this.config.slot}: messages wait and nothing has moved for ${Math.round(stalledMs / 1000)} s; its thread is replaced`,
        this.#where,
      ),
    )
  }

  /**
   * First half of a stop: no message starts any more, what is in flight may finish, what is finished is committed.
   *
   * @returns whether every handler came back in time
   */
  async drain(deadlineMs: number): Promise<boolean> {
    this.#state = 'stopping'
    for (const timer of this.#timers) clearTimeout(timer)
    this.#started.reject(new PoolError(ErrorCode.poolStopped, 'the pool was stopped before it had started'))
    this.#seat.drain()
    this.#incarnations.raise(Control.stop)
    const drained = await this.#incarnations.quiesce(deadlineMs - monotonicMs())
    await within(this.commit(), COMMIT_WAIT_MS)
    return drained
  }

  /** Second half of a stop: gives the seat up and ends the thread. */
  async leave(sendLeave: boolean): Promise<void> {
    this.#taker.cancel()
    await Promise.all([this.#seat.leave(sendLeave), this.#incarnations.thread?.stop(COMMIT_WAIT_MS)])
    this.#state = 'stopped'
  }

  status(nowMs: number): SlotStatus {
    return describeSlot({
      config: this.config,
      state: this.#state,
      seat: this.#seat,
      incarnations: this.#incarnations,
      holdings: this.#holdings.all(),
      restarts: this.#restarts,
      lastError: this.#lastError,
      stalled: this.#stall.stalledMs(nowMs) > 2 * this.config.consumer.sessionTimeout,
    })
  }

  // ── what the seat says ────────────────────────────────────────────────────────────────────────────────────────────

  async release(): Promise<void> {
    this.#taker.cancel()
    this.#incarnations.raise(Control.pause)
    const quiet = await this.#incarnations.quiesce(RELEASE_WAIT_MS)
    if (!quiet) this.#log.info({ inFlight: this.#inFlight() }, 'rebalancing while handlers are in flight')
    await within(this.commit(), COMMIT_WAIT_MS)
  }

  assigned(partitions: readonly TopicPartition[], generation: number): void {
    const wanted = new Set(partitions.map(partitionKey))
    const removed = this.#holdings.drop((partition) => wanted.has(partitionKey(partition)))
    const missedGenerations = this.#generation >= 0 && generation > this.#generation + 1
    this.#generation = generation
    this.#drop(removed)
    if (!missedGenerations) this.#incarnations.resume()
    void this.#take(partitions, removed, missedGenerations)
  }

  lost(_reason: string): void {
    this.#taker.cancel()
    this.#inForce = false
    this.#generation = -1
    this.#drop(this.#holdings.drop(() => false))
    this.#incarnations.resume()
  }

  lease(untilMs: number): void {
    this.#incarnations.extendLease(untilMs)
  }

  joined(membership: Membership, protocol: string, leader: boolean): void {
    const { groupId, memberId, instanceId, generation } = membership
    const clientId = this.#seat.clientId
    this.#log.info({ groupId, generation, memberId, instanceId, clientId, protocol, leader }, 'joined the group')
    this.#emit('group:joined', { slot: this.config.slot, groupId, clientId, memberId, instanceId, generation, protocol, leader })
  }

  fenced(tries: number, retryInMs: number | null): void {
    const { groupId, groupInstanceId: instanceId } = this.config.consumer
    const { memberId } = this.#seat.membership
    this.#log.error({ groupId, instanceId, tries, retryInMs }, 'fenced: another member uses the same group.instance.id')
    this.#emit('group:fenced', { slot: this.config.slot, groupId, memberId, instanceId, tries, retryInMs })
    if (retryInMs !== null) return
    const error = new PoolError(
      ErrorCode.instanceFenced,
      `another member of group "${groupId}" keeps taking group.instance.id "${instanceId}". Give every process its own group.instance.id (or stop the other one) and restart the pool`,
      this.#where,
    )
    void this.#park(error, null)
  }

  refused(error: PoolError): void {
    this.#log.error({ err: error }, 'refused by the broker; trying again in 30 s')
    this.#lastError = error
    this.#started.reject(error)
  }

  // ── assignment ────────────────────────────────────────────────────────────────────────────────────────────────────

  #drop(removed: readonly Holding[]): void {
    if (removed.length === 0) return
    void this.#incarnations.hand(
      null,
      removed.map(({ id }) => id),
    )
  }

  async #take(partitions: readonly TopicPartition[], removed: readonly Holding[], suspicious: boolean): Promise<void> {
    const taken = await this.#taker.take(partitions, suspicious)
    if (taken === null) return
    this.#inForce = true
    this.#drop(taken.overtaken)
    if (suspicious) this.#incarnations.resume()
    const { groupId, generation, memberId, instanceId } = this.#seat.membership
    const event = { slot: this.config.slot, groupId, memberId, instanceId, generation }
    const added = taken.added.map(coordinates)
    this.#log.info({ ...event, added: added.length, removed: removed.length }, 'assignment in force')
    this.#emit('group:assigned', { ...event, added, removed: removed.map(coordinates), assignment: this.#assignment() })
    if (!this.#incarnations.ready) return
    if (taken.added.length === 0 || (await this.#incarnations.hand(taken.handout, []))) this.#settled()
  }

  /** A new thread has its handler and its connection: it takes up everything that the slot holds. */
  async #equip(thread: Thread): Promise<void> {
    this.#readySinceMs = monotonicMs()
    if (await this.#incarnations.hand(this.#holdings.rehouse(), [])) this.#settled()
    else this.#log.debug({ incarnation: thread.incarnation }, 'the thread died before it had taken up its positions')
  }

  /** Assignment and thread have come together. */
  #settled(): void {
    if (!this.#inForce || this.#state === 'stopping' || this.#state === 'parked') return
    this.#state = 'running'
    const identity = this.#identity()
    if (this.#settledIncarnation !== this.#incarnations.number) {
      this.#settledIncarnation = this.#incarnations.number
      const threadId = this.#incarnations.thread?.threadId ?? -1
      this.#log.info({ ...identity, threadId }, 'slot ready')
      this.#emit('slot:ready', { ...identity, threadId, assignment: this.#assignment() })
    }
    const recovery = this.#recovery
    if (recovery !== null) {
      this.#recovery = null
      const afterMs = monotonicMs() - recovery.noticedAtMs
      this.#log.info({ ...identity, afterMs: Math.round(afterMs), by: recovery.by }, 'slot recovered')
      this.#emit('slot:recovered', { ...identity, afterMs, by: recovery.by })
    }
    this.#isStarted = true
    this.#started.resolve()
  }

  // ── crashes ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #threadExited(thread: Thread, exit: ThreadExit): void {
    if (this.#state === 'stopping' || this.#state === 'stopped' || this.#state === 'parked') return
    const error =
      exit.error ?? new PoolError(ErrorCode.threadExited, `the thread of slot ${this.config.slot} ended by itself`, this.#where)
    this.#lastError = error
    if (!this.#isStarted && HANDLER_ERRORS.includes(error.code)) {
      this.#started.reject(error)
      return
    }
    this.#state = 'restarting'
    const crash = this.#account(thread, exit)
    const decision = decideRestart({
      crashes: this.#crashes,
      wasProbe: this.#probing,
      config: this.#options.settings.restart,
      random: Math.random(),
    })
    const restartInMs = decision.action === 'restart' ? decision.delayMs : null
    const inFlight = this.#inFlight(thread)
    const identity = { ...this.#identity(), incarnation: thread.incarnation, clientId: thread.clientId }
    this.#log.error({ err: error, ...identity, inFlight, restartInMs }, 'slot crashed')
    const finished = thread.ledger.counters.finished
    this.#emit('slot:crashed', { ...identity, error, inFlight, finished, restartInMs })
    this.#options.onTrouble(crash)
    if (decision.action === 'park') void this.#park(error, decision.probeInMs)
    else void this.#restart(decision.delayMs, exit.atMs)
  }

  /** Enters a crash into the history. */
  #account(thread: Thread, exit: ThreadExit): Crash {
    const inFlight = this.#inFlight(thread).map(({ topic, partition, offset }) => ({
      topic,
      partition,
      offset: BigInt(offset),
    }))
    const fruitful = isFruitful({
      finishedSinceStart: thread.ledger.counters.finished,
      inFlight,
      earlierVictims: this.#victims,
    })
    this.#victims = [...this.#victims, ...inFlight].slice(-VICTIMS_KEPT)
    const healthyMs = this.#readySinceMs === null ? 0 : exit.atMs - this.#readySinceMs
    this.#readySinceMs = null
    const crash: Crash = { atMs: exit.atMs, fruitful, healthyMs }
    this.#crashes = rememberCrash(this.#crashes, crash, this.#options.settings.restart)
    return crash
  }

  async #restart(delayMs: number, noticedAtMs: number): Promise<void> {
    const { settings, limiter } = this.#options
    const by = settings.recovery
    this.#recovery = { noticedAtMs, by }
    const committed = this.commit()
    if (by === 'rejoin') {
      await within(committed, COMMIT_WAIT_MS)
      await this.#giveUpSeat()
      if (this.#state !== 'restarting') return
      this.#seat.comeBack().catch((error: unknown) => this.#log.error({ err: error }, 'cannot rejoin the group'))
    }
    if (delayMs > 0) await this.#pause(delayMs)
    if (!(await limiter.admit()) || this.#state !== 'restarting') return
    this.#restarts += 1
    this.#incarnations.start()
  }

  /** The slot cannot be kept running: others take its partitions. */
  async #park(error: PoolError, probeInMs: number | null): Promise<void> {
    const { groupId, groupInstanceId: instanceId } = this.config.consumer
    this.#state = 'parked'
    this.#lastError = error
    this.#recovery = null
    this.#log.error({ err: error, retryInMs: probeInMs }, 'slot parked')
    this.#emit('slot:parked', { slot: this.config.slot, groupId, instanceId, error, retryInMs: probeInMs })
    this.#started.reject(error)
    this.#options.onTrouble(null)
    await within(this.commit(), COMMIT_WAIT_MS)
    await Promise.all([this.#giveUpSeat(), this.#incarnations.thread?.stop(COMMIT_WAIT_MS)])
    if (probeInMs === null) return
    await this.#pause(probeInMs)
    if (this.#state !== 'parked') return
    this.#log.info('trying the parked slot again')
    this.#state = 'restarting'
    this.#probing = true
    this.#restarts += 1
    this.#incarnations.start()
    this.#seat.comeBack().catch((fault: unknown) => this.#log.error({ err: fault }, 'cannot rejoin the group'))
  }

  async #giveUpSeat(): Promise<void> {
    await this.#seat.leave(true)
    this.lost('the seat was given up')
  }

  /** Waits; a stop makes it wait for ever, and whoever waits must look at the state afterwards. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        resolve()
      }, ms)
      this.#timers.add(timer)
    })
  }

  #expectReady(thread: Thread): void {
    const timer = setTimeout(() => {
      const message = `slot ${this.config.slot}: its thread was not ready after ${READY_TIMEOUT_MS / 1000} s. Look whether ${this.config.handler} waits for something while it is imported`
      this.#started.reject(new PoolError(ErrorCode.startTimedOut, message, this.#where))
    }, READY_TIMEOUT_MS)
    const done = () => clearTimeout(timer)
    thread.ready.then(done, done)
  }

  // ── what the thread says ──────────────────────────────────────────────────────────────────────────────────────────

  #hear(message: FromThread): void {
    if (message.type === 'log') return this.#options.relay(message.line)
    if (message.type === 'ready' || message.type === 'done') return
    const holding = this.#holdings.byId(message.partitionId)
    if (holding === undefined) return // revoked meanwhile
    const where = { ...this.#identity(), topic: holding.topic, partition: holding.partition }
    switch (message.type) {
      case 'failed': {
        const { offset, attempt, error, outcome, retryInMs } = message
        this.#emit('message:failed', { ...where, offset, attempt, error, outcome, retryInMs })
        if (outcome !== 'paused') return
        holding.paused = { offset, error }
        this.#emit('partition:paused', { ...where, offset, error })
        return
      }
      case 'partition-paused': {
        const { offset, error } = message
        holding.paused = { offset, error }
        this.#emit('partition:paused', { ...where, offset, error })
        return
      }
      case 'offset-reset':
        this.#emit('offset:reset', { ...where, from: message.from, to: message.to })
    }
  }

  // ── words for events and errors ───────────────────────────────────────────────────────────────────────────────────

  get #where() {
    return { slot: this.config.slot, groupId: this.config.consumer.groupId }
  }

  #identity(): SlotIdentity {
    const { groupId, memberId, instanceId } = this.#seat.membership
    const incarnation = this.#incarnations.number
    const clientId = this.#incarnations.thread?.clientId ?? ''
    return { slot: this.config.slot, incarnation, clientId, groupId, memberId, instanceId }
  }

  #assignment(): EventPartition[] {
    return this.#holdings.all().map(coordinates)
  }

  /** What is being handled now, or was when the thread died. A message whose finish was noted does not count. */
  #inFlight(thread: Thread | null = this.#incarnations.thread): InFlightMessage[] {
    return (thread?.ledger.flights() ?? []).flatMap(({ partitionId, offset, attempt, runningMs }) => {
      const holding = this.#holdings.byId(partitionId)
      if (holding === undefined || offset < reached(holding)) return []
      return [{ ...coordinates(holding), offset: offset.toString(), attempt, runningMs }]
    })
  }

  #committed(offsets: readonly TopicPartitionOffset[], generation: number): void {
    this.#emit('offsets:committed', {
      slot: this.config.slot,
      groupId: this.config.consumer.groupId,
      generation,
      offsets: offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: offset.toString() })),
    })
  }

  get #emit(): Emit {
    return this.#options.emit
  }
}

const coordinates = ({ topic, partition }: TopicPartition): EventPartition => ({ topic, partition })
