import type { Logger } from 'pino'
import { LETTER_WAIT_MS } from '../config/rules/own-times.js'
import { ErrorCode, PoolError } from '../errors.js'
import type { Membership } from '../kafka/group.js'
import type { TopicPartition } from '../kafka/metadata.js'
import { Control } from '../protocol/ledger.js'
import { monotonicMs } from '../util/clock.js'
import { deferred } from '../util/deferred.js'
import { partitionName } from '../util/partition-name.js'
import { within } from '../util/within.js'
import type { Holding } from './holdings.js'
import type { Departure } from './membership/departure.js'
import { releaseTimes } from './membership/release-times.js'
import type { SeatHost } from './membership/seat-host.js'
import type { SlotLife } from './slot-life.js'
import type { SlotOptions } from './slot-options.js'
import type { SlotReporter } from './slot-reporter.js'
import type { SlotWork } from './slot-work.js'
import type { Incarnations } from './threads/incarnations.js'

export interface SlotSeatHostOptions extends Pick<SlotOptions, 'config' | 'group'> {
  readonly life: SlotLife
  readonly work: SlotWork
  readonly incarnations: Incarnations
  readonly report: SlotReporter
  /** With whom the slot goes when it stops. */
  readonly departure: () => Departure
  /** The slot cannot be a member: it is not tried again. */
  readonly onFencedForGood: (error: PoolError) => void
  readonly log: Logger
}

/** What a slot does when its seat tells it what has become of the membership: it gives up partitions, and takes them up. */
export class SlotSeatHost implements SeatHost {
  readonly #options: SlotSeatHostOptions
  readonly #moot = deferred<void>()

  constructor(options: SlotSeatHostOptions) {
    this.#options = options
  }

  /** Resolves when the slot stops, and nothing that is in flight counts any more: its partitions are somebody else's. */
  get moot(): Promise<void> {
    return this.#moot.promise
  }

  release(): Promise<void> {
    const { work, incarnations, departure } = this.#options
    incarnations.raise(Control.rebalance)
    return this.#giveUp(
      () => work.holdings.all(),
      departure().graceLeftMs(monotonicMs()),
      (waitMs) => incarnations.quiesce(waitMs),
    )
  }

  revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const { work, incarnations } = this.#options
    const held = () => partitions.filter((partition) => work.holdings.has(partition))
    const ids = work.holdings.giveUp(partitions)
    // Nobody but the next owner waits, also while the slot stops.
    return this.#giveUp(held, Number.POSITIVE_INFINITY, (waitMs) => incarnations.revoke(ids, waitMs))
  }

  async handOn(): Promise<readonly TopicPartition[]> {
    const { config, work } = this.#options
    const { holdings, deadLetters, commits } = work
    const { commitMs } = releaseTimes(config.consumer)
    const busy = new Set(work.inFlight.map(partitionName))
    const isBusy = (holding: Holding) => busy.has(partitionName(holding)) || deadLetters.isPending(holding)
    const kept = holdings.all().filter(isBusy)
    const others = holdings.all().filter((holding) => !kept.includes(holding))
    await work.revoking(others, commitMs)
    await within(commits.now(), commitMs)
    const uncommitted = new Set(holdings.uncommitted().map(partitionName))
    return [...kept, ...others.filter((holding) => uncommitted.has(partitionName(holding)))]
  }

  async #giveUp(
    partitions: () => readonly TopicPartition[],
    graceMs: number,
    comesToRest: (waitMs: number) => Promise<boolean>,
  ): Promise<void> {
    const { config, work, log } = this.#options
    work.assignment.cancel()
    const { quiesceMs, commitMs } = releaseTimes(config.consumer)
    const waitMs = Math.min(quiesceMs, graceMs)
    const untilMs = monotonicMs() + waitMs
    const quiet = await comesToRest(waitMs)
    // Only now: a handler that was in flight may have failed meanwhile.
    await work.deadLetters.settled(untilMs - monotonicMs(), LETTER_WAIT_MS)
    const hookMs = Math.max(commitMs, untilMs - monotonicMs())
    await work.revoking(partitions(), hookMs)
    if (!quiet) log.info({ inFlight: work.inFlight }, 'rebalancing while handlers are in flight')
    await within(work.commits.now(), commitMs)
  }

  assigned(partitions: readonly TopicPartition[], follows: boolean): void {
    const { config, group, life, work } = this.#options
    // With an eager protocol all of it was given up already.
    if (!follows && group.assignors.isCooperative(config.assignors)) {
      this.tellLost('the group has gone on without this member')
    }
    if (!life.isOver) work.assignment.begin(partitions, follows)
    else {
      work.assignment.keep(partitions, follows)
      this.#lookAtWhatCounts()
    }
  }

  lost(reason: string): void {
    this.tellLost(reason)
    this.loseAll()
  }

  /** The membership is over, and somebody knows that. */
  loseAll(): void {
    const { life, work } = this.#options
    work.assignment.lose()
    if (life.isOver) this.#lookAtWhatCounts()
  }

  /** What the slot holds is, or may be, others' by now. */
  tellLost(reason: string): void {
    const { work, report } = this.#options
    const partitions = work.holdings.all()
    if (partitions.length > 0) report.lost(partitions, reason)
  }

  #lookAtWhatCounts(): void {
    if (this.#options.work.inFlight.length === 0) this.#moot.resolve()
  }

  lease(untilMs: number): void {
    this.#options.incarnations.extendLease(untilMs)
  }

  joined(membership: Membership, protocol: string, leader: boolean): void {
    this.#options.report.joined(membership, protocol, leader)
  }

  fenced(tries: number, retryInMs: number | null): void {
    const { config, report, onFencedForGood } = this.#options
    report.fenced(tries, retryInMs)
    if (retryInMs !== null) return
    const { groupId, groupInstanceId } = config.consumer
    const message = `another member of group "${groupId}" keeps taking group.instance.id "${groupInstanceId}". Give every process its own group.instance.id (or stop the other one) and restart the pool`
    onFencedForGood(new PoolError(ErrorCode.instanceFenced, message, { slot: config.slot, groupId }))
  }

  refused(error: PoolError): void {
    this.#options.life.wentWrong(error, true)
  }
}
