import type { Logger } from 'pino'
import type { PoolSettings, SlotConfig } from '../config/resolved.js'
import { COMMIT_WAIT_MS } from '../config/rules/own-times.js'
import { ErrorCode, PoolError } from '../errors.js'
import type { ControlClient } from '../kafka/client.js'
import type { Membership } from '../kafka/group.js'
import type { ClusterView, TopicPartition } from '../kafka/metadata.js'
import { Control } from '../protocol/ledger.js'
import type { LostLeader } from '../protocol/messages.js'
import { lowestLevel } from '../telemetry/levels.js'
import { monotonicMs } from '../util/clock.js'
import { deferred } from '../util/deferred.js'
import { after } from '../util/timers.js'
import { within } from '../util/within.js'
import type { InFlightMessage } from './events.js'
import { giveUpLeadMs } from './give-up-time.js'
import { finishedUpTo, Holdings, lagOf, standsThere } from './holdings.js'
import type { Coordinator } from './membership/coordinator.js'
import type { Group } from './membership/group.js'
import { releaseTimes } from './membership/release-times.js'
import { Seat } from './membership/seat.js'
import type { SeatHost } from './membership/seat-host.js'
import type { AskTopics } from './membership/steady-topics.js'
import { type Outlook, outlookOf } from './pauses.js'
import { Assignment } from './progress/assignment.js'
import { Commits } from './progress/commits.js'
import { type Emit, SlotReporter } from './slot-reporter.js'
import { describeSlot } from './slot-status.js'
import type { SlotState, SlotStatus } from './status.js'
import { CrashBook } from './supervision/crash-book.js'
import type { RestartLimiter } from './supervision/restart-limiter.js'
import type { Crash } from './supervision/restarts.js'
import { StallWatch, stallLimitMs } from './supervision/stall-watch.js'
import { Standstills } from './supervision/standstills.js'
import type { Suspects } from './supervision/suspects.js'
import type { Exit, Incarnation } from './threads/incarnation.js'
import { Incarnations, type SlotReport } from './threads/incarnations.js'
import type { Threads } from './threads/threads.js'

/** How long a thread may take to close its connection and return, before it is ended. */
const GOODBYE_MS = 350
/** How long `teardown` of the handler's module may take at the least, whatever `drainTimeoutMs` says. */
const TEARDOWN_MS = 1_000

/** What a start fails with at once: the next thread would not do better. */
const FAIL_THE_START: readonly string[] = [
  ErrorCode.handlerNotFound,
  ErrorCode.handlerThrewOnImport,
  ErrorCode.handlerNotAFunction,
  ErrorCode.handlerSetupFailed,
  ErrorCode.moduleNotUsable,
  ErrorCode.startTimedOut,
  ErrorCode.threadNotStarted,
]

/** States in which a slot may come to run. */
const SETTLING: readonly SlotState[] = ['starting', 'restarting', 'running']

export interface SlotOptions {
  readonly config: SlotConfig
  readonly settings: PoolSettings
  readonly threads: Threads
  readonly limiter: RestartLimiter
  readonly group: Group
  /** Those of the slot's group. */
  readonly suspects: Suspects
  /** The connection that the whole pool shares, and the group's coordinator over it. */
  readonly poolClient: ControlClient
  readonly coordinator: Coordinator
  /** Opens a connection for the seat, under a fresh client id. */
  readonly createSeatClient: () => ControlClient
  readonly nextClientId: () => string
  readonly topics: AskTopics
  /** True for a partition that was not there when the pool started. */
  readonly isNew: (partition: TopicPartition) => boolean
  readonly log: Logger
  readonly emit: Emit
  /** Re-emits a line of a thread's logger. */
  readonly relay: (line: string) => void
  /** Its thread has lost the leaders of these partitions. */
  readonly onLeadersLost: (partitions: readonly LostLeader[]) => void
  /** A crash happened, or (null) the slot was parked: the pool looks whether it must escalate. */
  readonly onTrouble: (crash: Crash | null) => void
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
  readonly #commits: Commits
  readonly #assignment: Assignment
  readonly #crashes: CrashBook
  readonly #report: SlotReporter
  readonly #stall: StallWatch
  readonly #standstills: Standstills
  readonly #booted = deferred<void>()
  readonly #started = deferred<void>()
  /** The slot stops, and nothing that is in flight counts any more: its partitions are somebody else's. */
  readonly #moot = deferred<void>()
  #seat: Seat
  /** A slot that has no seat takes one as soon as its thread is ready: not before all threads of the pool are, at first. */
  #mayJoin = false
  #state: SlotState = 'starting'
  #isStarted = false
  /** The last incarnation that took up positions. */
  #settledIncarnation = 0
  /** When the crash was noticed from which the slot has not recovered yet. */
  #crashedAtMs: number | null = null
  #restarts = 0
  #lastError: PoolError | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(options: SlotOptions) {
    this.#options = options
    this.config = options.config
    const { config, coordinator, poolClient, threads, nextClientId, emit } = options
    const log = options.log.child({ slot: config.slot })
    const holdings = this.#holdings
    this.#log = log
    this.#stall = new StallWatch(stallLimitMs(config.consumer))
    this.#seat = this.#newSeat()
    this.#crashes = new CrashBook(options.settings.restart, options.suspects)
    this.#incarnations = new Incarnations({
      config,
      threads,
      nextClientId,
      view: () => poolClient.view(config.topics),
      log,
      logLevel: lowestLevel(options.log),
      loadTimeoutMs: this.hookLimitsMs.setup,
      teardownTimeoutMs: this.hookLimitsMs.teardown,
      onReady: () => {
        this.#crashes.ready(monotonicMs())
        this.#booted.resolve()
        if (this.#mayJoin) this.#sit()
        this.#settled()
      },
      onMessage: (message) => this.#hear(message),
      onExit: (thread, exit) => this.#threadExited(thread, exit),
    })
    this.#report = new SlotReporter({
      config,
      seat: () => this.#seat,
      incarnations: this.#incarnations,
      log: options.log,
      emit,
    })
    this.#assignment = new Assignment({
      config,
      holdings,
      incarnations: this.#incarnations,
      poolClient,
      coordinator,
      isNew: options.isNew,
      log,
      onTaken: (added, removed) => this.#report.assigned(added, removed, holdings.all()),
      onHandedOut: () => this.#settled(),
    })
    this.#standstills = new Standstills({
      ...{ config, holdings, log, client: poolClient, report: this.#report },
      incarnations: this.#incarnations,
    })
    this.#commits = new Commits({
      holdings,
      coordinator,
      membership: () => this.seat.membership,
      onDoubt: () => this.seat.poke(),
      onCommitted: (offsets, generation) => this.#report.committed(offsets, generation),
      log,
    })
  }

  /** The seat that the slot has, or had last. */
  get seat(): Seat {
    return this.#seat
  }

  get state(): SlotState {
    return this.#state
  }

  /** True when the slot is a member of its group and handles everything that it was assigned. */
  get isHealthy(): boolean {
    return (
      this.#isSettled &&
      !this.seat.isRefused &&
      this.#options.group.joinWatch.words === null &&
      !this.#isUnproven &&
      this.#stall.stalled.length === 0 &&
      this.#holdings.all().every(({ paused }) => paused === null)
    )
  }

  /** True when the slot is parked, or is being tried again and has done no good yet. */
  get isGivenUp(): boolean {
    if (this.#state === 'parked') return true
    return this.#crashes.wasParked && (!this.#incarnations.ready || this.#isUnproven)
  }

  /** Whether there is hope for what the slot holds. */
  get outlook(): Outlook {
    if (this.#state === 'parked') return 'idle'
    const { stalled } = this.#stall
    const pauses = this.#holdings
      .all()
      .filter((holding) => holding.paused !== null || !stalled.includes(holding)) // that one moves as little
      .map((holding) => (standsThere(holding) ? holding.paused : null))
    return outlookOf(pauses, this.#isSettled)
  }

  /** How long `setup` and `teardown` of the handler's module may take. */
  get hookLimitsMs(): { readonly setup: number; readonly teardown: number } {
    const { loadTimeoutMs, drainTimeoutMs } = this.#options.settings
    return { setup: loadTimeoutMs, teardown: Math.max(drainTimeoutMs, TEARDOWN_MS) }
  }

  /** The thread that fills the slot now. */
  get thread(): Incarnation | null {
    return this.#incarnations.thread
  }

  // ── life ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** First half of a start: resolves when the thread is ready, and a broker was reached. */
  async boot(): Promise<void> {
    this.#incarnations.start(this.#holdings.rehouse())
    await Promise.race([this.#started.promise, Promise.all([this.#seat.connect(), this.#booted.promise])])
  }

  /** Second half: resolves when the slot has its assignment and its thread has taken up the positions. */
  async join(): Promise<void> {
    this.#mayJoin = true
    this.#sit()
    await this.#started.promise
  }

  /** Commits what is finished. Never rejects. */
  commit(): Promise<void> {
    return this.#commits.now()
  }

  /** Tells the thread where leaders are now. */
  tellLeaders(view: ClusterView): void {
    const topics = view.topics.filter(({ topic }) => this.config.topics.includes(topic))
    if (topics.length > 0) this.thread?.send({ type: 'leaders', view: { ...view, topics } })
  }

  /** Ends the slot's thread, which will be replaced. */
  endThread(why: PoolError): void {
    void this.thread?.end(why)
  }

  /**
   * Looks whether messages wait and nothing moves, and says so; and whether it is time to try again what stands still.
   * Call it about once a second.
   */
  watch(nowMs: number): void {
    const ledger = this.thread?.ledger
    const isBusy = ledger !== undefined && (ledger.flights(nowMs).length > 0 || ledger.hook(nowMs) !== null)
    const isStable = this.#state === 'running' && this.seat.state === 'stable'
    this.#stall.look(this.#holdings.all(), isStable && !isBusy, nowMs)
    this.#report.stalled(this.#stall.stalled, nowMs)
    this.#standstills.look(isStable && this.seat.isConfirmed, nowMs)
  }

  /**
   * No message starts any more, what is in flight may finish, what is finished is committed; then the seat is given up and
   * the thread ended. A rebalance meanwhile goes on without waiting for the handlers longer than for those of others.
   * Shortly before the time is over handlers are told to give up.
   *
   * @param deadlineMs until when handlers may take (monotonic)
   * @param sendLeave whether the seat tells the group
   * @returns whether every handler came back in time, and none gave up
   */
  async stop(deadlineMs: number, sendLeave: boolean): Promise<boolean> {
    const { departure } = this.#options.group
    const leaves = sendLeave || this.#state === 'parked' // others shall take its partitions
    this.#state = 'stopping'
    clearTimeout(this.#timer)
    this.#started.reject(new PoolError(ErrorCode.poolStopped, 'the pool was stopped before it had started'))
    departure.begin(releaseTimes(this.config.consumer).quiesceMs, monotonicMs())
    this.#seat.drain()
    this.#incarnations.raise(Control.stop)
    const { thread } = this
    const drainMs = deadlineMs - monotonicMs()
    const back = this.#incarnations.quiesce(drainMs)
    const giveUp = after(() => this.#incarnations.raise(Control.giveUp), drainMs - giveUpLeadMs(drainMs))
    void back.then(() => clearTimeout(giveUp))
    await Promise.race([back, this.#moot.promise])
    await this.#commits.last(Math.max(deadlineMs, monotonicMs() + COMMIT_WAIT_MS))
    await departure.done(leaves)
    this.#assignment.cancel()
    await Promise.all([
      this.#seat.leave(leaves),
      back.then((quiet) => this.#sayGoodbye(quiet ? Math.max(deadlineMs - monotonicMs(), TEARDOWN_MS) : 0)),
    ])
    this.#state = 'stopped'
    return (await back) && (thread?.ledger.givenUp ?? 0) === 0
  }

  status(): SlotStatus {
    return describeSlot({
      config: this.config,
      state: this.#state,
      seat: this.seat,
      incarnations: this.#incarnations,
      holdings: this.#holdings.all(),
      restarts: this.#restarts,
      lastError: this.#lastError,
      stalled: this.#stall.stalled.length > 0,
      waitingFor: this.#options.group.joinWatch.words,
    })
  }

  // ── what the seat says ────────────────────────────────────────────────────────────────────────────────────────────

  async release(): Promise<void> {
    this.#assignment.cancel()
    this.#incarnations.raise(Control.pause)
    const { quiesceMs, commitMs } = releaseTimes(this.config.consumer)
    const graceMs = this.#options.group.departure.graceLeftMs(monotonicMs())
    const quiet = await this.#incarnations.quiesce(Math.min(quiesceMs, graceMs))
    if (!quiet) this.#log.info({ inFlight: this.#inFlight() }, 'rebalancing while handlers are in flight')
    await within(this.commit(), commitMs)
  }

  assigned(partitions: readonly TopicPartition[], generation: number): void {
    if (!this.#isStopping) this.#assignment.begin(partitions, generation)
    else {
      this.#assignment.keep(partitions, generation)
      this.#lookAtWhatCounts()
    }
  }

  lost(): void {
    this.#assignment.lose()
    if (this.#isStopping) this.#lookAtWhatCounts()
  }

  lease(untilMs: number): void {
    this.#incarnations.extendLease(untilMs)
  }

  joined(membership: Membership, protocol: string, leader: boolean): void {
    this.#report.joined(membership, protocol, leader)
  }

  fenced(tries: number, retryInMs: number | null): void {
    this.#report.fenced(tries, retryInMs)
    if (retryInMs !== null) return
    const { groupId, groupInstanceId } = this.config.consumer
    const message = `another member of group "${groupId}" keeps taking group.instance.id "${groupInstanceId}". Give every process its own group.instance.id (or stop the other one) and restart the pool`
    void this.#park(new PoolError(ErrorCode.instanceFenced, message, this.#where), null)
  }

  refused(error: PoolError): void {
    this.#log.error({ err: error }, 'refused by the broker; asking again later')
    this.#lastError = error
    this.#started.reject(error)
  }

  // ── assignment and thread come together ───────────────────────────────────────────────────────────────────────────

  /** Assignment and thread may have come together. */
  #settled(): void {
    if (!this.#assignment.inForce || !this.#incarnations.ready || !SETTLING.includes(this.#state)) return
    this.#state = 'running'
    if (this.#settledIncarnation !== this.#incarnations.number) {
      this.#settledIncarnation = this.#incarnations.number
      this.#report.ready(this.#holdings.all())
    }
    if (this.#crashedAtMs !== null) {
      this.#report.recovered(monotonicMs() - this.#crashedAtMs, this.#options.settings.recovery)
      this.#crashedAtMs = null
    }
    this.#isStarted = true
    this.#started.resolve()
  }

  #hear(message: SlotReport): void {
    switch (message.type) {
      case 'log':
        this.#options.relay(message.line)
        return
      case 'leaders-lost':
        this.#options.onLeadersLost(message.partitions)
        return
      case 'failed':
      case 'partition-paused':
      case 'offset-reset': {
        const holding = this.#holdings.byId(message.partitionId)
        if (holding === undefined) return // revoked meanwhile
        this.#report.heard(message, holding)
        this.#standstills.heard(message, holding, monotonicMs())
        return
      }
      default: {
        const { type } = message satisfies never as { readonly type: unknown }
        this.#log.error({ type }, 'fault: the thread said something of which nothing is known here. Please report this')
      }
    }
  }

  // ── crashes ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #threadExited(thread: Incarnation, exit: Exit): void {
    if (this.#isStopping || this.#state === 'parked') return
    const { slot } = this.config
    const error =
      exit.error ?? new PoolError(ErrorCode.threadExited, `the thread of slot ${slot} ended by itself`, this.#where)
    this.#lastError = error
    this.#state = 'restarting'
    if (!this.#isStarted && FAIL_THE_START.includes(error.code)) {
      this.#started.reject(error)
      return
    }
    const { atMs } = exit
    const inFlight = this.#inFlight(thread, atMs)
    const hookMs = thread.ledger.hook(atMs)?.runningMs ?? 0
    const inFlightMs = Math.max(hookMs, ...thread.ledger.flights(atMs).map(({ runningMs }) => runningMs))
    const finishedSinceStart = thread.ledger.counters.finished
    const { crash, decision } = this.#crashes.crashed({ atMs, inFlightMs, finishedSinceStart, inFlight })
    this.#report.crashed(thread, error, inFlight, decision.action === 'restart' ? decision.delayMs : null)
    this.#options.onTrouble(crash)
    if (this.#isStopping) return // a listener stopped the pool
    if (decision.action === 'park') void this.#park(error, decision.probeInMs)
    else void this.#restart(decision.delayMs, atMs)
  }

  async #restart(delayMs: number, noticedAtMs: number): Promise<void> {
    this.#crashedAtMs = noticedAtMs
    const committed = this.commit()
    if (this.#options.settings.recovery === 'rejoin' && this.seat.membership.memberId !== '') {
      await within(committed, COMMIT_WAIT_MS)
      if (this.#isStopping) return
      await this.#giveUpSeat()
    }
    if (delayMs > 0) await this.#pause(delayMs)
    if ((await this.#options.limiter.admit()) && this.#state === 'restarting') this.#replaceThread()
  }

  /** The slot cannot be kept running: others take its partitions. It is tried again, unless `probeInMs` is null. */
  async #park(error: PoolError, probeInMs: number | null): Promise<void> {
    if (this.#isStopping) return
    this.#state = 'parked'
    this.#lastError = error
    this.#crashedAtMs = null
    this.#report.parked(error, probeInMs)
    this.#started.reject(error)
    this.#options.onTrouble(null)
    await within(this.commit(), COMMIT_WAIT_MS)
    if (this.#isStopping) return // a stop has more time to commit, and leaves by itself
    await Promise.all([this.#giveUpSeat(), this.#sayGoodbye(this.hookLimitsMs.teardown)])
    if (probeInMs === null) return
    await this.#pause(probeInMs)
    if (!(await this.#options.limiter.admit()) || this.#state !== 'parked') return
    this.#log.info('trying the parked slot again')
    this.#state = 'restarting'
    this.#replaceThread()
  }

  #replaceThread(): void {
    this.#restarts += 1
    this.#incarnations.start(this.#holdings.rehouse())
  }

  async #giveUpSeat(): Promise<void> {
    await this.seat.leave(true)
    this.lost()
  }

  /**
   * Ends the thread, kindly at first. One that will not die is not waited for.
   *
   * @param teardownMs how long `teardown` of the handler's module may take; 0 when a handler is still in flight
   */
  async #sayGoodbye(teardownMs: number): Promise<void> {
    const { thread } = this
    if (thread === null) return
    const hasTime = this.#incarnations.loaded && teardownMs > 0
    // The thread itself gives a teardown up first, if that does not block it, and says so.
    const patienceMs = hasTime ? teardownMs + GOODBYE_MS : GOODBYE_MS
    if (!(await within(thread.stop(patienceMs), patienceMs + GOODBYE_MS))) return
    const { reason, error } = await thread.exited
    if (!hasTime || reason === 'stopped') return
    const what = 'the thread did not come to its end while teardown of its handler had time'
    this.#log.error({ err: error }, `${what}: look what it waits for, or raise drainTimeoutMs`)
  }

  /** Takes a seat if the slot has none. */
  #sit(): void {
    if (this.#isStopping || this.#state === 'parked') return
    if (this.#seat.state === 'left') this.#seat = this.#newSeat()
    if (this.#seat.state === 'unjoined') this.#seat.start()
  }

  #newSeat(): Seat {
    const { config, group, createSeatClient, coordinator, topics } = this.#options
    return new Seat({ config, group, host: this, log: this.#log, client: createSeatClient(), coordinator, topics })
  }

  /** Waits, unless the slot stops: then for ever. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#isStopping) this.#timer = after(resolve, ms)
    })
  }

  /** True when the slot is a member of its group and has a thread for everything that it was assigned. */
  get #isSettled(): boolean {
    return this.#state === 'running' && this.seat.isConfirmed && this.#assignment.isComplete
  }

  /** Threads that die of the same thing one after the other look well in between. */
  get #isUnproven(): boolean {
    const finished = this.thread?.ledger.counters.finished ?? 0
    const inFlight = this.#inFlight()
    const messagesWait =
      !this.#assignment.inForce || // nobody knows yet
      inFlight.length > 0 ||
      this.#holdings.all().some((holding) => holding.paused === null && lagOf(holding) !== 0n)
    return this.#crashes.isUnproven({ finished, inFlight, messagesWait })
  }

  get #isStopping(): boolean {
    return this.#state === 'stopping' || this.#state === 'stopped'
  }

  get #where() {
    return { slot: this.config.slot, groupId: this.config.consumer.groupId }
  }

  #lookAtWhatCounts(): void {
    if (this.#inFlight().length === 0) this.#moot.resolve()
  }

  /** What is being handled now, or was when the thread died. A message whose finish was noted does not count. */
  #inFlight(thread: Incarnation | null = this.thread, nowMs: number = monotonicMs()): InFlightMessage[] {
    return (thread?.ledger.flights(nowMs) ?? []).flatMap(({ partitionId, offset, attempt, runningMs }) => {
      const holding = this.#holdings.byId(partitionId)
      if (holding === undefined || offset < finishedUpTo(holding)) return []
      const { topic, partition } = holding
      return [{ topic, partition, offset: offset.toString(), attempt, runningMs }]
    })
  }
}
