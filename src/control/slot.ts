import type { Logger } from 'pino'
import type { SlotConfig } from '../config/resolved.js'
import { COMMIT_WAIT_MS } from '../config/rules/own-times.js'
import { ErrorCode, PoolError } from '../errors.js'
import type { ClusterView, TopicPartition } from '../kafka/metadata.js'
import { Control, type HookName } from '../protocol/ledger.js'
import type { RecycleReason } from '../protocol/reports.js'
import { lowestLevel } from '../telemetry/levels.js'
import { monotonicMs } from '../util/clock.js'
import { deferred } from '../util/deferred.js'
import { after } from '../util/timers.js'
import { within } from '../util/within.js'
import { giveUpLeadMs } from './give-up-time.js'
import type { Measured } from './measures.js'
import { ConsumedTopics } from './membership/consumed-topics.js'
import type { Departure } from './membership/departure.js'
import { FixedSeat } from './membership/fixed-seat.js'
import { releaseTimes } from './membership/release-times.js'
import { Seat } from './membership/seat.js'
import type { SlotSeat } from './membership/slot-seat.js'
import type { Outlook } from './pauses.js'
import { isGivenUp, isHealthy, outlookFor, type SlotCondition } from './slot-health.js'
import { SlotLife } from './slot-life.js'
import type { SlotOptions } from './slot-options.js'
import { SlotRecoveryHost } from './slot-recovery-host.js'
import { SlotReporter } from './slot-reporter.js'
import { SlotSeatHost } from './slot-seat-host.js'
import { describeSlot } from './slot-status.js'
import { SlotWork } from './slot-work.js'
import { failsTheStart } from './start-failures.js'
import type { SlotState, SlotStatus } from './status.js'
import type { ReadTarget } from './steering/seek-target.js'
import { CrashBook } from './supervision/crash-book.js'
import { Recovery } from './supervision/recovery.js'
import { hookLimits, sayGoodbye, TEARDOWN_MS } from './threads/goodbye.js'
import type { Exit, Incarnation } from './threads/incarnation.js'
import { Incarnations, type SlotReport } from './threads/incarnations.js'

/**
 * In a cooperative group nobody stops when a draining slot gives up what it does not need. Handlers that are back sooner than
 * that spare the group a rebalance.
 */
const HAND_ON_AFTER_MS = 100

/**
 * A stable place in the pool: its seat in the group, the thread that fills it now, and its holdings.
 * They outlive the threads, so a thread that dies is replaced without the group noticing.
 */
export class Slot {
  readonly config: SlotConfig
  /** Hears of the membership. */
  readonly seatHost: SlotSeatHost
  readonly #options: SlotOptions
  readonly #log: Logger
  readonly #consumed: ConsumedTopics
  readonly #life: SlotLife
  readonly #incarnations: Incarnations
  readonly #crashes: CrashBook
  readonly #report: SlotReporter
  readonly #work: SlotWork
  readonly #recoveryHost: SlotRecoveryHost
  readonly #recovery: Recovery
  readonly #booted = deferred<void>()
  #seat: SlotSeat
  /** With whom it goes when it stops. */
  #departure: Departure
  /** A slot that has no seat takes one as soon as its thread is ready: not before all threads of the pool are, at first. */
  #mayJoin = false
  /** The last incarnation that took up positions. */
  #settledIncarnation = 0

  constructor(options: SlotOptions) {
    const { config, settings, threads, poolClient, nextClientId, limiter, emit } = options
    const log = options.log.child({ slot: config.slot })
    const seat = () => this.#seat
    const { consumed = new ConsumedTopics(config) } = options
    this.config = config
    this.#consumed = consumed
    this.#options = options
    this.#log = log
    this.#departure = options.group.departure
    this.#life = new SlotLife(this.#where)
    this.#crashes = new CrashBook(settings.restart, options.suspects, config.convictAfter)
    this.#incarnations = new Incarnations({
      ...{ config, threads, nextClientId, log },
      view: () => poolClient.view(consumed.all),
      logLevel: () => lowestLevel(log),
      loadTimeoutMs: this.hookLimitsMs.setup,
      teardownTimeoutMs: this.hookLimitsMs.teardown,
      before: options.incarnations ?? 0,
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
    this.#report = new SlotReporter({ config, seat, incarnations: this.#incarnations, log: options.log, emit })
    const parts = { life: this.#life, incarnations: this.#incarnations, report: this.#report, seat, log }
    this.#work = new SlotWork({ ...options, ...parts, onHandedOut: () => this.#settled() })
    this.seatHost = new SlotSeatHost({
      ...{ config, group: options.group, work: this.#work, ...parts },
      departure: () => this.#departure,
      onFencedForGood: (error) => this.#recovery.park(error, null),
    })
    this.#recoveryHost = new SlotRecoveryHost({ ...options, ...parts, work: this.#work, seatHost: this.seatHost })
    this.#recovery = new Recovery({
      ...{ host: this.#recoveryHost, crashes: this.#crashes, limiter, by: settings.recovery },
      ...{ report: this.#report, log },
    })
    this.#seat = this.#newSeat()
  }

  /** The seat that the slot has, or had last. */
  get seat(): SlotSeat {
    return this.#seat
  }

  get state(): SlotState {
    return this.#life.state
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
    await Promise.race([this.#life.started, Promise.all([this.#seat.connect(), this.#booted.promise])])
  }

  /** Second half: resolves when the slot has its assignment and its thread has taken up the positions. */
  async join(): Promise<void> {
    this.#mayJoin = true
    this.#sit()
    await this.#life.started
  }

  /** Commits what is finished. Never rejects. */
  commit(): Promise<void> {
    return this.#work.commits.now()
  }

  /** Changes the level of the slot's log, and of its thread's. */
  setLogLevel(level: string): void {
    this.#log.level = level
    this.incarnation?.send({ type: 'log-level', logLevel: lowestLevel(this.#log) })
  }

  /** Tells the thread where leaders are now. */
  tellLeaders(view: ClusterView): void {
    const consumed = this.#consumed.all
    const topics = view.topics.filter(({ topic }) => consumed.includes(topic))
    if (topics.length > 0) this.incarnation?.send({ type: 'leaders', view: { ...view, topics } })
  }

  /** Ends the slot's thread, which will be replaced. */
  endThread(why: PoolError): void {
    void this.incarnation?.end(why)
  }

  /** Its thread works, and nothing else is about to replace it. */
  get mayRecycle(): boolean {
    return this.#life.state === 'running' && this.#incarnations.ready && !this.#recovery.isUnderWay
  }

  get isRecycling(): boolean {
    return this.#recovery.isRecycling
  }

  /** The thread that was recycled last is not gone yet, nor its memory free. One that does not die counts no more. */
  get isFreeing(): boolean {
    return this.#recoveryHost.isFreeing
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
    this.#work.look(nowMs)
  }

  get held(): readonly TopicPartition[] {
    return this.#work.holdings.all()
  }

  /** These were just paused. Resolves when no handler of theirs is in flight. */
  pause(topic: string, partitions: readonly number[] | null): Promise<void> {
    return this.#work.pausing.stop(topic, partitions)
  }

  /** What is paused has changed. */
  obey(): Promise<void> {
    return this.#work.pausing.obey()
  }

  /** A partition goes on elsewhere. Resolves with the offset when that is committed; rejects when it is not held until then. */
  seek(partition: TopicPartition, target: ReadTarget): Promise<bigint> {
    return this.#work.seeking.seek(partition, target)
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
   * @param departure of those that go while others of the pool stay @default that of the whole pool
   * @returns whether every handler came back in time, and none gave up
   */
  async stop(deadlineMs: number, sendLeave: boolean, departure = this.#departure): Promise<boolean> {
    const othersStay = departure !== this.#departure
    this.#departure = departure
    const leaves = sendLeave || this.#life.state === 'parked' // others shall take its partitions
    this.#life.enter('stopping')
    this.#recovery.close()
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
    if (leaves) void within(back, HAND_ON_AFTER_MS).then((quiet) => quiet || this.#seat.handOn(othersStay))
    // What is being written to a dead-letter topic is finished with it, if it comes in time.
    const settled = this.#work.deadLetters.settled(drainMs)
    await Promise.race([Promise.all([back, settled]), this.seatHost.moot])
    await this.#work.revoking(this.#work.holdings.all(), Math.max(deadlineMs - monotonicMs(), COMMIT_WAIT_MS))
    await this.#work.commits.last(Math.max(deadlineMs, monotonicMs() + COMMIT_WAIT_MS))
    this.#work.seeking.close(othersStay)
    await departure.done(leaves)
    this.#work.assignment.cancel()
    await Promise.all([
      this.#seat.leave(leaves, othersStay),
      back.then((quiet) =>
        sayGoodbye(this.#incarnations, quiet ? Math.max(deadlineMs - monotonicMs(), TEARDOWN_MS) : 0, this.#log),
      ),
    ])
    this.#life.enter('stopped')
    return (await back) && (incarnation?.ledger.givenUp ?? 0) === 0
  }

  status(): SlotStatus {
    return describeSlot({
      config: this.config,
      state: this.#life.state,
      seat: this.seat,
      incarnations: this.#incarnations,
      holdings: this.#work.holdings.all(),
      deadLettered: this.#work.deadLetters.total,
      restarts: this.#recoveryHost.replaced.crash,
      recycles: this.#recoveryHost.replaced.recycle,
      lastError: this.#life.lastError,
      stalled: this.#work.stalled.length > 0,
      waitingFor: this.#options.group.joinWatch.words,
    })
  }

  get measures(): Measured {
    const { tally, workedMs, leaseUntilMs, current } = this.#incarnations
    return {
      ...{ slot: this.config.slot, groupId: this.config.consumer.groupId, tally, workedMs },
      leaseLeftMs: leaseUntilMs === 0 ? null : Math.max(0, leaseUntilMs - monotonicMs()),
      fetchedBytes: tally.fetchedBytes,
      bufferedBytes: current === null ? null : tally.bufferedBytes,
    }
  }

  // ── assignment and thread come together ───────────────────────────────────────────────────────────────────────────

  /** Assignment and thread may have come together. */
  #settled(): void {
    if (!this.#work.assignment.inForce || !this.#incarnations.ready || !this.#seat.hasBegun) return
    if (this.#life.mayEnter('running')) this.#life.enter('running')
    if (this.#life.state !== 'running') return
    if (this.#settledIncarnation !== this.#incarnations.number) {
      this.#settledIncarnation = this.#incarnations.number
      this.#report.ready(this.#work.holdings.all())
    }
    this.#recovery.settled()
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
    if (this.#life.isIdle) return
    if (reason === 'stopped' && this.#recovery.isRecycling) return // as it was asked to
    const { slot } = this.config
    const error =
      cause ?? new PoolError(ErrorCode.threadExited, `the thread of slot ${slot} ended by itself`, this.#where)
    const isHopeless = this.#settledIncarnation === 0 && failsTheStart(error)
    this.#life.enter('restarting')
    this.#life.wentWrong(error, isHopeless)
    if (!isHopeless) this.#recovery.died({ incarnation, clientId, error, atMs, ...this.#work.leftBy(ledger, atMs) })
  }

  /** Takes a seat if the slot has none. */
  #sit(): void {
    if (this.#life.isIdle) return
    if (this.#seat.state === 'left') this.#seat = this.#newSeat()
    if (this.#seat.state === 'unjoined') this.#seat.start()
  }

  #newSeat(): SlotSeat {
    const { config, group, createSeatClient, coordinator, topics } = this.#options
    const own = { config, group, host: this.seatHost, log: this.#log, client: createSeatClient() }
    if (config.fixed !== null) return new FixedSeat({ ...own, onBegun: () => this.#settled() })
    return new Seat({ ...own, coordinator, topics, consumed: this.#consumed })
  }

  get #condition(): SlotCondition {
    return {
      ...{ state: this.#life.state, seat: this.#seat, assignment: this.#work.assignment, crashes: this.#crashes },
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
}
