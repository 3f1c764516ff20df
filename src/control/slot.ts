import type { Logger } from 'pino'
import type { SlotConfig } from '../config/resolved.js'
import { COMMIT_WAIT_MS, LETTER_WAIT_MS } from '../config/rules/own-times.js'
import { ErrorCode, PoolError } from '../errors.js'
import type { Membership } from '../kafka/group.js'
import type { ClusterView, TopicPartition } from '../kafka/metadata.js'
import { Control, type HookName } from '../protocol/ledger.js'
import type { RecycleReason } from '../protocol/reports.js'
import { lowestLevel } from '../telemetry/levels.js'
import { monotonicMs } from '../util/clock.js'
import { deferred } from '../util/deferred.js'
import { partitionName } from '../util/partition-name.js'
import { after } from '../util/timers.js'
import { mayEnter } from '../util/transitions.js'
import { within } from '../util/within.js'
import { giveUpLeadMs } from './give-up-time.js'
import type { Holding } from './holdings.js'
import { releaseTimes } from './membership/release-times.js'
import { Seat } from './membership/seat.js'
import type { SeatHost } from './membership/seat-host.js'
import type { Outlook } from './pauses.js'
import { isGivenUp, isHealthy, outlookFor, type SlotCondition } from './slot-health.js'
import type { SlotOptions } from './slot-options.js'
import { SlotReporter } from './slot-reporter.js'
import { isOver, SLOT_TRANSITIONS } from './slot-states.js'
import { describeSlot } from './slot-status.js'
import { SlotWork } from './slot-work.js'
import { failsTheStart } from './start-failures.js'
import type { SlotState, SlotStatus } from './status.js'
import { CrashBook } from './supervision/crash-book.js'
import { Recovery } from './supervision/recovery.js'
import { hookLimits, sayGoodbye, TEARDOWN_MS } from './threads/goodbye.js'
import type { Exit, Incarnation } from './threads/incarnation.js'
import { Incarnations, type SlotReport } from './threads/incarnations.js'

/** By how much longer than `maxProcessingMs` a handler may run before its thread is ended: see `HungHandlers`. */
const HANDLERS_END_MS = 10_000

/**
 * In a cooperative group nobody stops when a draining slot gives up what it does not need. Handlers that are back sooner than
 * that spare the group a rebalance.
 */
const HAND_ON_AFTER_MS = 250

/**
 * A stable place in the pool: its seat in the group, the thread that fills it now, and its holdings.
 * They outlive the threads, so a thread that dies is replaced without the group noticing.
 */
export class Slot implements SeatHost {
  readonly config: SlotConfig
  readonly #options: SlotOptions
  readonly #log: Logger
  readonly #incarnations: Incarnations
  readonly #crashes: CrashBook
  readonly #report: SlotReporter
  readonly #work: SlotWork
  readonly #recovery: Recovery
  readonly #booted = deferred<void>()
  readonly #started = deferred<void>()
  /** The slot stops, and nothing that is in flight counts any more: its partitions are somebody else's. */
  readonly #moot = deferred<void>()
  #seat: Seat
  /** A slot that has no seat takes one as soon as its thread is ready: not before all threads of the pool are, at first. */
  #mayJoin = false
  #state: SlotState = 'starting'
  /** The last incarnation that took up positions. */
  #settledIncarnation = 0
  #restarts = 0
  #recycles = 0
  #isFreeing = false
  #lastError: PoolError | null = null

  constructor(options: SlotOptions) {
    this.#options = options
    this.config = options.config
    const { config, poolClient, threads, nextClientId, emit } = options
    const log = options.log.child({ slot: config.slot })
    this.#log = log
    this.#seat = this.#newSeat()
    this.#crashes = new CrashBook(options.settings.restart, options.suspects, config.convictAfter)
    this.#incarnations = new Incarnations({
      config,
      threads,
      nextClientId,
      view: () => poolClient.view(config.topics),
      log,
      logLevel: lowestLevel(options.log),
      loadTimeoutMs: this.hookLimitsMs.setup,
      teardownTimeoutMs: this.hookLimitsMs.teardown,
      journalOf: (incarnation) => options.journals?.of(incarnation) ?? null,
      onReady: () => {
        this.#crashes.ready(monotonicMs())
        this.#booted.resolve()
        if (this.#mayJoin) this.#sit()
        this.#settled()
      },
      onMessage: (message) => this.#hear(message),
      onExit: (incarnation, exit) => this.#threadExited(incarnation, exit),
    })
    this.#report = new SlotReporter({
      config,
      seat: () => this.#seat,
      incarnations: this.#incarnations,
      log: options.log,
      emit,
    })
    this.#work = new SlotWork({
      ...options,
      ...{ log, incarnations: this.#incarnations, report: this.#report },
      seat: () => this.#seat,
      onHandedOut: () => this.#settled(),
    })
    this.#recovery = new Recovery({
      host: {
        parked: (error) => this.#parked(error),
        convicted: () => this.#work.standstills.condemn(monotonicMs()),
        onTrouble: options.onTrouble,
        commit: () => this.commit(),
        isMember: () => this.#seat.membership.memberId !== '',
        giveUpSeat: () => this.#giveUpSeat(),
        sayGoodbye: (retires) => sayGoodbye(this.#incarnations, this.hookLimitsMs.teardown, log, { retires }),
        holdBack: () => this.#holdBack(),
        letGoOn: () => this.#incarnations.letGoOn(),
        replaceThread: (why) => this.#replaceThread(why),
      },
      ...{ crashes: this.#crashes, limiter: options.limiter, by: options.settings.recovery, report: this.#report, log },
    })
  }

  /** The seat that the slot has, or had last. */
  get seat(): Seat {
    return this.#seat
  }

  get state(): SlotState {
    return this.#state
  }

  get isHealthy(): boolean {
    return isHealthy(this.#condition)
  }

  get isGivenUp(): boolean {
    return isGivenUp(this.#condition)
  }

  get outlook(): Outlook {
    return outlookFor(this.#condition)
  }

  /** How long `setup` and `teardown` of the handler's module may take. */
  get hookLimitsMs(): Readonly<Record<HookName, number>> {
    return hookLimits(this.#options.settings)
  }

  /** Of the thread that fills the slot now. */
  get incarnation(): Incarnation | null {
    return this.#incarnations.current
  }

  // ── life ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** First half of a start: resolves when the thread is ready, and a broker was reached. */
  async boot(): Promise<void> {
    this.#incarnations.start(this.#work.rehouse())
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
    return this.#work.commits.now()
  }

  /** Tells the thread where leaders are now. */
  tellLeaders(view: ClusterView): void {
    const topics = view.topics.filter(({ topic }) => this.config.topics.includes(topic))
    if (topics.length > 0) this.incarnation?.send({ type: 'leaders', view: { ...view, topics } })
  }

  /** Ends the slot's thread, which will be replaced. */
  endThread(why: PoolError): void {
    void this.incarnation?.end(why)
  }

  /** Its thread works, and nothing else is about to replace it. */
  get mayRecycle(): boolean {
    return this.#state === 'running' && this.#incarnations.ready && !this.#recovery.isUnderWay
  }

  get isRecycling(): boolean {
    return this.#recovery.isRecycling
  }

  /** The thread that was recycled last is not gone yet, nor its memory free. One that does not die counts no more. */
  get isFreeing(): boolean {
    return this.#isFreeing
  }

  /**
   * Replaces the thread as soon as it stands between two messages, with the same membership: nothing is repeated, and the
   * group does not notice.
   *
   * @returns false when it cannot be now, see {@link mayRecycle}
   */
  recycle(reason: RecycleReason): boolean {
    return this.mayRecycle && this.#recovery.recycle(reason)
  }

  /**
   * Looks whether messages wait and nothing moves, and says so; and whether it is time to try again what stands still.
   * Call it about once a second.
   */
  watch(nowMs: number): void {
    this.#work.look(this.#state === 'running', nowMs)
  }

  /** A partition that stands still is tried again within a second. @returns whether it is held here and stands still */
  resume(partition: TopicPartition): boolean {
    return this.#work.standstills.resume(partition, monotonicMs())
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
    this.#enter('stopping')
    this.#recovery.close()
    this.#started.reject(new PoolError(ErrorCode.poolStopped, 'the pool was stopped before it had started'))
    departure.begin(
      this.#isCooperative ? HAND_ON_AFTER_MS : releaseTimes(this.config.consumer).quiesceMs,
      monotonicMs(),
    )
    this.#seat.drain()
    this.#incarnations.raise(Control.stop)
    const { incarnation } = this
    const drainMs = deadlineMs - monotonicMs()
    this.#work.deadLetters.close()
    const back = this.#incarnations.quiesce(drainMs)
    const giveUp = after(() => this.#incarnations.raise(Control.giveUp), drainMs - giveUpLeadMs(drainMs))
    void back.then(() => clearTimeout(giveUp))
    if (leaves) void within(back, HAND_ON_AFTER_MS).then((quiet) => quiet || this.#seat.handOn())
    // What is being written to a dead-letter topic is finished with it, if it comes in time.
    const settled = this.#work.deadLetters.settled(drainMs)
    await Promise.race([Promise.all([back, settled]), this.#moot.promise])
    await this.#revoking(this.#work.holdings.all(), Math.max(deadlineMs - monotonicMs(), COMMIT_WAIT_MS))
    await this.#work.commits.last(Math.max(deadlineMs, monotonicMs() + COMMIT_WAIT_MS))
    await departure.done(leaves)
    this.#work.assignment.cancel()
    await Promise.all([
      this.#seat.leave(leaves),
      back.then((quiet) =>
        sayGoodbye(this.#incarnations, quiet ? Math.max(deadlineMs - monotonicMs(), TEARDOWN_MS) : 0, this.#log),
      ),
    ])
    this.#enter('stopped')
    return (await back) && (incarnation?.ledger.givenUp ?? 0) === 0
  }

  status(): SlotStatus {
    return describeSlot({
      config: this.config,
      state: this.#state,
      seat: this.seat,
      incarnations: this.#incarnations,
      holdings: this.#work.holdings.all(),
      deadLettered: this.#work.deadLetters.total,
      restarts: this.#restarts,
      recycles: this.#recycles,
      lastError: this.#lastError,
      stalled: this.#work.stalled.length > 0,
      waitingFor: this.#options.group.joinWatch.words,
    })
  }

  // ── what the seat says ────────────────────────────────────────────────────────────────────────────────────────────

  release(): Promise<void> {
    this.#incarnations.raise(Control.rebalance)
    const all = () => this.#work.holdings.all()
    return this.#giveUp(all, this.#options.group.departure.graceLeftMs(monotonicMs()), (waitMs) =>
      this.#incarnations.quiesce(waitMs),
    )
  }

  revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const held = () => partitions.filter((partition) => this.#work.holdings.has(partition))
    const ids = this.#work.holdings.giveUp(partitions)
    // Nobody but the next owner waits, also while the slot stops.
    return this.#giveUp(held, Number.POSITIVE_INFINITY, (waitMs) => this.#incarnations.revoke(ids, waitMs))
  }

  async handOn(): Promise<readonly TopicPartition[]> {
    const { commitMs } = releaseTimes(this.config.consumer)
    const busy = new Set(this.#work.inFlight.map(partitionName))
    const isBusy = (holding: Holding) => busy.has(partitionName(holding)) || this.#work.deadLetters.isPending(holding)
    const kept = this.#work.holdings.all().filter(isBusy)
    const others = this.#work.holdings.all().filter((holding) => !kept.includes(holding))
    await this.#revoking(others, commitMs)
    await within(this.commit(), commitMs)
    const uncommitted = new Set(this.#work.holdings.uncommitted().map(partitionName))
    return [...kept, ...others.filter((holding) => uncommitted.has(partitionName(holding)))]
  }

  async #giveUp(
    partitions: () => readonly TopicPartition[],
    graceMs: number,
    comesToRest: (waitMs: number) => Promise<boolean>,
  ): Promise<void> {
    this.#work.assignment.cancel()
    const { quiesceMs, commitMs } = releaseTimes(this.config.consumer)
    const waitMs = Math.min(quiesceMs, graceMs)
    const untilMs = monotonicMs() + waitMs
    const quiet = await comesToRest(waitMs)
    // Only now: a handler that was in flight may have failed meanwhile.
    await this.#work.deadLetters.settled(untilMs - monotonicMs(), LETTER_WAIT_MS)
    const hookMs = Math.max(commitMs, untilMs - monotonicMs())
    await this.#revoking(partitions(), hookMs)
    if (!quiet) this.#log.info({ inFlight: this.#work.inFlight }, 'rebalancing while handlers are in flight')
    await within(this.commit(), commitMs)
  }

  /** Listeners may write down what handlers have left undone before that is committed. */
  async #revoking(partitions: readonly TopicPartition[], waitMs: number): Promise<void> {
    if (partitions.length === 0 || (await within(this.#report.revoking(partitions), waitMs))) return
    this.#log.warn(
      { waitMs: Math.round(waitMs) },
      'a listener of group:revoking is not done; the commit waits no longer',
    )
  }

  assigned(partitions: readonly TopicPartition[], follows: boolean): void {
    // With an eager protocol all of it was given up already.
    if (!follows && this.#isCooperative) this.#tellLost('the group has gone on without this member')
    if (!isOver(this.#state)) this.#work.assignment.begin(partitions, follows)
    else {
      this.#work.assignment.keep(partitions, follows)
      this.#lookAtWhatCounts()
    }
  }

  lost(reason: string): void {
    this.#tellLost(reason)
    this.#loseAll()
  }

  #tellLost(reason: string): void {
    const partitions = this.#work.holdings.all()
    if (partitions.length > 0) this.#report.lost(partitions, reason)
  }

  #loseAll(): void {
    this.#work.assignment.lose()
    if (isOver(this.#state)) this.#lookAtWhatCounts()
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
    this.#recovery.park(new PoolError(ErrorCode.instanceFenced, message, this.#where), null)
  }

  refused(error: PoolError): void {
    this.#log.error({ err: error }, 'the broker refuses the slot; asking again later')
    this.#lastError = error
    this.#started.reject(error)
  }

  // ── assignment and thread come together ───────────────────────────────────────────────────────────────────────────

  /** Assignment and thread may have come together. */
  #settled(): void {
    if (!this.#work.assignment.inForce || !this.#incarnations.ready) return
    if (mayEnter(SLOT_TRANSITIONS, this.#state, 'running')) this.#enter('running')
    if (this.#state !== 'running') return
    if (this.#settledIncarnation !== this.#incarnations.number) {
      this.#settledIncarnation = this.#incarnations.number
      this.#report.ready(this.#work.holdings.all())
    }
    this.#recovery.settled()
    this.#started.resolve()
  }

  #hear(message: SlotReport): void {
    switch (message.type) {
      case 'log':
        this.#options.relay(message.line)
        return
      case 'heap-full':
        this.#options.onHeapFull()
        return
      case 'leaders-lost':
        this.#options.onLeadersLost(message.partitions)
        return
      case 'dead-letter':
      case 'failed':
      case 'partition-paused':
      case 'offset-reset':
        this.#work.heard(message)
        return
      default: {
        const { type } = message satisfies never as { readonly type: unknown }
        this.#log.error({ type }, 'fault: the thread said something that is not known here. Please report this')
      }
    }
  }

  // ── crashes ───────────────────────────────────────────────────────────────────────────────────────────────────────

  #threadExited({ incarnation, clientId, ledger }: Incarnation, { reason, error: cause, atMs }: Exit): void {
    this.#options.journals?.over(incarnation)
    if (isOver(this.#state) || this.#state === 'parked') return
    if (reason === 'stopped' && this.#recovery.isRecycling) return // as it was asked to
    const { slot } = this.config
    const error =
      cause ?? new PoolError(ErrorCode.threadExited, `the thread of slot ${slot} ended by itself`, this.#where)
    this.#lastError = error
    this.#enter('restarting')
    if (this.#settledIncarnation === 0 && failsTheStart(error)) {
      this.#started.reject(error)
      return
    }
    this.#recovery.died({ incarnation, clientId, error, atMs, ...this.#work.leftBy(ledger, atMs) })
  }

  #parked(error: PoolError): void {
    this.#enter('parked')
    this.#lastError = error
    this.#started.reject(error)
  }

  async #holdBack() {
    const { incarnation } = this
    if (incarnation === null) return null
    this.#incarnations.holdBack()
    // A handler that does not come back ends its thread before that.
    const quiet = await this.#incarnations.quiesce(this.config.maxProcessingMs + HANDLERS_END_MS)
    if (!quiet || incarnation !== this.incarnation) return null
    this.#isFreeing = true
    void incarnation.exited
      .then(() => within(incarnation.freed, this.#options.settings.terminateTimeoutMs))
      .then(() => {
        this.#isFreeing = false
      })
    const { clientId, ledger } = incarnation
    const { counters, memory } = ledger
    return { incarnation: incarnation.incarnation, clientId, finished: counters.finished, memory }
  }

  #replaceThread(why: 'crash' | 'recycle'): void {
    this.#enter('restarting')
    if (why === 'crash') this.#restarts += 1
    else this.#recycles += 1
    this.#incarnations.start(this.#work.rehouse())
  }

  async #giveUpSeat(): Promise<void> {
    await this.seat.leave(true)
    this.#loseAll()
  }

  /** Takes a seat if the slot has none. */
  #sit(): void {
    if (isOver(this.#state) || this.#state === 'parked') return
    if (this.#seat.state === 'left') this.#seat = this.#newSeat()
    if (this.#seat.state === 'unjoined') this.#seat.start()
  }

  #newSeat(): Seat {
    const { config, group, createSeatClient, coordinator, topics } = this.#options
    return new Seat({ config, group, host: this, log: this.#log, client: createSeatClient(), coordinator, topics })
  }

  get #condition(): SlotCondition {
    return {
      ...{ state: this.#state, seat: this.#seat, assignment: this.#work.assignment, crashes: this.#crashes },
      groupWaits: this.#options.group.joinWatch.words !== null,
      holdings: this.#work.holdings.all(),
      stalled: this.#work.stalled,
      isReady: this.#incarnations.ready,
      finished: this.#work.finished,
      inFlight: this.#work.inFlight,
    }
  }

  get #isCooperative(): boolean {
    return this.#options.group.assignors.isCooperative(this.config.assignors)
  }

  get #where() {
    return { slot: this.config.slot, groupId: this.config.consumer.groupId }
  }

  #lookAtWhatCounts(): void {
    if (this.#work.inFlight.length === 0) this.#moot.resolve()
  }

  #enter(state: SlotState): void {
    if (!mayEnter(SLOT_TRANSITIONS, this.#state, state)) {
      throw new PoolError(ErrorCode.internal, `a slot cannot go from ${this.#state} to ${state}`, this.#where)
    }
    this.#state = state
  }
}
