import type { Logger } from 'pino'
import type { TopicPartition } from '../kafka/metadata.js'
import type { Ledger } from '../protocol/ledger.js'
import type { FromThread } from '../protocol/messages.js'
import { monotonicMs } from '../util/clock.js'
import { within } from '../util/within.js'
import { DeadLetters } from './dead-letters/dead-letters.js'
import type { InFlightMessage } from './events.js'
import { type Handout, type Holding, Holdings } from './holdings.js'
import { decodedBatch, inFlightMessages } from './in-flight.js'
import type { SlotSeat } from './membership/slot-seat.js'
import { Assignment } from './progress/assignment.js'
import { Commits } from './progress/commits.js'
import type { SlotLife } from './slot-life.js'
import type { SlotOptions } from './slot-options.js'
import type { SlotReporter } from './slot-reporter.js'
import { Pausing } from './steering/pausing.js'
import { Seeking } from './steering/seeking.js'
import { StallWatch, stallLimitMs } from './supervision/stall-watch.js'
import { Standstills } from './supervision/standstills.js'
import type { Incarnations } from './threads/incarnations.js'

/** Far below any time after which brokers forget offsets. */
const CONFIRMED_EVERY_MS = 1_800_000

export interface SlotWorkOptions
  extends Pick<
    SlotOptions,
    'config' | 'group' | 'suspects' | 'stored' | 'onHold' | 'poolClient' | 'coordinator' | 'deadLetters'
  > {
  readonly life: Pick<SlotLife, 'state'>
  /** The one that the slot has now, or had last. */
  readonly seat: () => SlotSeat
  readonly incarnations: Incarnations
  readonly report: SlotReporter
  /** The thread has taken up a part of the assignment, if there is a thread. */
  readonly onHandedOut: () => void
  readonly log: Logger
}

/**
 * What a slot is there for: its holdings and all that becomes of them on main, from their assignment to the commit, with the
 * messages that were given up, and the partitions that stand still or are steered. It outlives threads and seats.
 */
export class SlotWork {
  readonly holdings: Holdings
  readonly assignment: Assignment
  readonly commits: Commits
  readonly deadLetters: DeadLetters
  readonly standstills: Standstills
  readonly pausing: Pausing
  readonly seeking: Seeking
  readonly #options: SlotWorkOptions
  readonly #stall: StallWatch
  /** When offsets of fixed partitions are stored again (monotonic); 0 before the first look. */
  #confirmAtMs = 0
  /** Dead letters that were stored before the present thread was there. */
  #lettersBefore = 0

  constructor(options: SlotWorkOptions) {
    const { config, group, poolClient, coordinator, suspects, stored, onHold, seat, incarnations, report, log } =
      options
    const holdings = new Holdings(suspects, onHold, config.fixed !== null)
    this.#options = options
    this.holdings = holdings
    this.#stall = new StallWatch(stallLimitMs(config.consumer))
    this.assignment = new Assignment({
      ...{ config, holdings, incarnations, poolClient, coordinator, stored, log },
      isNew: (partition) => group.known.isNew(partition),
      onTaken: (added, removed) => {
        report.assigned(added, removed, holdings.all())
        if (this.#isFixed) void this.commits.now()
      },
      onHandedOut: options.onHandedOut,
    })
    this.commits = new Commits({
      ...{ holdings, coordinator, log },
      seatsCoordinator: () => seat().freeCoordinator,
      membership: () => seat().membership,
      mayCommit: () => seat().mayCommit,
      onAccepted: () => seat().committed(),
      onRefused: (error) => seat().commitRefused(error),
      onCommitted: (offsets, generation, tookMs) => {
        for (const offset of offsets) stored.note(offset)
        report.committed(offsets, generation, tookMs)
      },
    })
    this.deadLetters = new DeadLetters({
      ...{ config, holdings, log, report, store: options.deadLetters },
      send: (message) => incarnations.current?.send(message),
    })
    this.standstills = new Standstills({
      ...{ config, holdings, incarnations, log, report, client: poolClient },
      silentMs: (nowMs) => incarnations.current?.ledger.silentMs(nowMs) ?? 0,
    })
    this.pausing = new Pausing({ holdings, incarnations, handOut: () => this.#handOut(monotonicMs()) })
    this.seeking = new Seeking({
      ...{ config, holdings, incarnations, log, report, client: poolClient },
      commit: () => this.commits.now(),
      refusalOf: (partition, tries) => this.commits.refusalOf(partition, tries),
    })
  }

  /** Where messages wait and nothing moves. */
  get stalled(): readonly Holding[] {
    return this.#stall.stalled
  }

  /** What the present thread handles. */
  get inFlight(): InFlightMessage[] {
    const { current } = this.#options.incarnations
    return current === null ? [] : inFlightMessages(current.ledger, this.holdings, monotonicMs())
  }

  /** How many messages the present thread has finished. */
  get finished(): number {
    const { current } = this.#options.incarnations
    return current === null ? 0 : this.#finishedBy(current.ledger)
  }

  /** What the next thread begins with. */
  rehouse(): Handout {
    this.#lettersBefore = this.deadLetters.total
    return this.holdings.rehouse()
  }

  /** What the last thread was doing when it died, and what it had done. */
  leftBy(ledger: Ledger, atMs: number) {
    const flights = ledger.flights(atMs)
    const inFlight = inFlightMessages(ledger, this.holdings, atMs)
    return {
      inFlight,
      decoding: decodedBatch(ledger, this.holdings),
      inCompany: flights.length > inFlight.length,
      inFlightMs: Math.max(ledger.hook(atMs)?.runningMs ?? 0, ...flights.map(({ runningMs }) => runningMs)),
      finishedSinceStart: this.#finishedBy(ledger),
    }
  }

  /** Listeners may write down what handlers have left undone before that is committed. */
  async revoking(partitions: readonly TopicPartition[], waitMs: number): Promise<void> {
    const { report, log } = this.#options
    if (partitions.length === 0 || (await within(report.revoking(partitions), waitMs))) return
    log.warn({ waitMs: Math.round(waitMs) }, 'a listener of group:revoking is not done; the commit waits no longer')
  }

  /** The thread says something of a partition. */
  heard(message: Extract<FromThread, { partitionId: number }>): void {
    const holding = this.holdings.byId(message.partitionId)
    if (holding === undefined) return // revoked meanwhile
    if (message.type === 'dead-letter') {
      this.deadLetters.heard(message, holding)
      return
    }
    if (message.type === 'failed') holding.failed = { offset: message.offset, attempts: message.attempt }
    else if (message.type === 'offset-reset') {
      holding.failed = null // another message may stand there
      this.#options.suspects.reset(holding, message)
    }
    this.#options.report.heard(message, holding)
    this.standstills.heard(message, holding, monotonicMs())
  }

  /** Looks whether messages wait and nothing moves, and says so; and whether it is time to try again what stands still. */
  look(nowMs: number): void {
    const { incarnations, report } = this.#options
    const ledger = incarnations.current?.ledger
    const isBusy = ledger !== undefined && ledger.flights(nowMs).length > 0
    const isInHook = ledger !== undefined && ledger.hook(nowMs) !== null
    this.#stall.look(this.holdings.all(), { works: this.#isStable && !isInHook, isBusy }, nowMs)
    report.stalled(this.stalled, nowMs)
    this.deadLetters.look(nowMs)
    if (this.#isFixed) this.#keepOffsets(nowMs)
    this.#handOut(nowMs)
  }

  /**
   * A seat that begins with a commit waits for it. And a group without members forgets an offset that nobody has stored for long
   * (`offsets.retention.minutes`), as it would of a partition to which nothing comes.
   */
  #keepOffsets(nowMs: number): void {
    if (!this.#options.seat().hasBegun) void this.commits.now()
    if (nowMs < this.#confirmAtMs) return
    if (this.#confirmAtMs > 0) this.holdings.confirmAgain()
    this.#confirmAtMs = nowMs + CONFIRMED_EVERY_MS
  }

  get #isFixed(): boolean {
    return this.#options.config.fixed !== null
  }

  /** Hands out what waits for a thread and may have one, if the thread may be given something now. */
  #handOut(nowMs: number): void {
    this.standstills.look(this.#isStable && this.#options.seat().isConfirmed, nowMs)
  }

  get #isStable(): boolean {
    const { life, seat } = this.#options
    return life.state === 'running' && seat().isStable
  }

  /** A message whose dead letter is stored is work that was done, too. */
  #finishedBy({ counters }: Ledger): number {
    return counters.finished + this.deadLetters.total - this.#lettersBefore
  }
}
