import type { Logger } from 'pino'
import type { SlotConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import type { ControlClient } from '../../kafka/client.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import { fromErrorData } from '../../protocol/error-data.js'
import type { PartitionReport } from '../../protocol/messages.js'
import { type Holder, type Holding, type Holdings, hasMovedOn } from '../holdings.js'
import { hurried, isGone, isResting, pauseAfter, type Standstill } from '../pauses.js'
import { poisoned } from '../poison.js'
import type { SlotReporter } from '../slot-reporter.js'
import type { Suspicion } from '../suspicion.js'
import { exhausted } from './exhausted.js'
import { UnfetchedEnds } from './unfetched-ends.js'

export interface StandstillsOptions {
  readonly config: SlotConfig
  readonly holdings: Holdings
  readonly incarnations: Pick<Holder, 'hand'>
  readonly client: Pick<ControlClient, 'listOffsets' | 'topics'>
  readonly report: Pick<SlotReporter, 'paused' | 'resumed'>
  /** For how long the slot's thread has said nothing. */
  readonly silentMs: (nowMs: number) => number
  readonly log: Logger
}

/**
 * The partitions of one slot that stand still: notes when that begins and ends, has each tried again when its pause is
 * over, and goes on asking for their lag. To try again is to assign anew, as after a rebalance; so a pause outlasts the
 * thread that asked for it.
 */
export class Standstills {
  readonly #options: StandstillsOptions
  readonly #ends: UnfetchedEnds

  constructor(options: StandstillsOptions) {
    this.#options = options
    this.#ends = new UnfetchedEnds(options)
  }

  /** What a thread said about a partition that the slot still holds. */
  heard(message: PartitionReport, holding: Holding, nowMs: number): void {
    if (hasMovedOn(holding)) this.#over(holding, nowMs)
    if (message.type === 'offset-reset' && holding.paused !== null && isGone(holding.paused, message))
      this.#over(holding, nowMs)
    const standstill = this.#standstillOf(message, holding)
    if (standstill === null || holding.away) return // its thread has not heard yet that it lets go of it
    const pause = pauseAfter(holding.paused, standstill, this.#options.config.retry, nowMs, Math.random())
    holding.paused = pause
    this.#options.report.paused(holding, pause, nowMs)
  }

  /**
   * Looks whose pause is over. Call it about once a second.
   *
   * @param isFree whether the thread may be given something now
   */
  look(isFree: boolean, nowMs: number): void {
    const { holdings, incarnations } = this.#options
    const held = holdings.all()
    for (const holding of held) if (hasMovedOn(holding)) this.#over(holding, nowMs)
    this.condemn(nowMs)
    const due = isFree ? holdings.retry(nowMs) : null
    if (due !== null) void incarnations.hand(due, due.removedIds)
    this.#ends.look(held, nowMs)
  }

  /**
   * Partitions whose next message is convicted stand still from now on, unless it goes to a dead-letter topic, and so do those
   * with a batch that is. What stands still before that does so until it has moved on. Call it before they are handed to a
   * thread.
   */
  condemn(nowMs: number): void {
    const { config, holdings, report } = this.#options
    const { slot, consumer, deadLetter } = config
    for (const holding of holdings.all()) {
      const { message, batch } = holdings.suspicionsOf(holding)
      const suspicion = firstConvict(deadLetter === null ? [message, batch] : [batch])
      if (suspicion === null || standsAtOrBefore(holding, suspicion)) continue
      const { topic, partition } = holding
      const { offset, deaths: attempts } = suspicion
      const error = poisoned({ slot, groupId: consumer.groupId, topic, partition }, suspicion)
      const standstill = { reason: 'poisoned', offset, attempts, error } as const
      const pause = {
        ...pauseAfter(holding.paused, standstill, config.retry, nowMs, 0),
        retryAtMs: Number.POSITIVE_INFINITY,
      }
      holding.paused = pause
      report.paused(holding, pause, nowMs)
    }
  }

  /**
   * A partition that stands still is tried again at the next look, however long it would have had to wait.
   *
   * @returns whether it stands still
   */
  resume({ topic, partition }: TopicPartition, nowMs: number): boolean {
    const held = this.#options.holdings.all()
    const holding = held.find((each) => each.topic === topic && each.partition === partition)
    if (holding === undefined || holding.paused === null) return false
    holding.paused = hurried(holding.paused, nowMs)
    return true
  }

  #over(holding: Holding, nowMs: number): void {
    const { paused } = holding
    holding.paused = null
    if (paused !== null) this.#options.report.resumed(holding, paused, nowMs)
  }

  #standstillOf(message: PartitionReport, holding: Holding): Standstill | null {
    const { slot, consumer } = this.#options.config
    const { topic, partition } = holding
    const where = { slot, groupId: consumer.groupId, topic, partition }
    if (message.type === 'failed' && message.outcome === 'paused') {
      const { offset, attempt: attempts, error } = message
      return { reason: 'exhausted', offset, attempts, error: exhausted({ ...where, offset, attempts }, error) }
    }
    if (message.type !== 'partition-paused') return null
    const { offset } = message
    const cause = fromErrorData(message.error, { ...where, offset })
    const error =
      cause instanceof PoolError
        ? cause
        : new PoolError(ErrorCode.batchUndecodable, cause.message, { ...where, offset, cause })
    return { reason: 'unreadable', offset, attempts: null, error }
  }
}

/** Where the partition comes to a stop first. */
const firstConvict = (suspicions: readonly (Suspicion | null)[]): Suspicion | null =>
  suspicions
    .filter((each) => each !== null && each.convictedAtMs !== null)
    .reduce(
      (first, each) => (first !== null && each !== null && offsetOf(first) <= offsetOf(each) ? first : each),
      null,
    )

const offsetOf = ({ offset }: { readonly offset: string }): bigint => BigInt(offset)

/** Its pause is that of the convict, or of what comes before that. */
const standsAtOrBefore = (holding: Holding, convict: Suspicion): boolean => {
  const { paused } = holding
  if (paused === null) return false
  if (offsetOf(paused) < offsetOf(convict)) return !hasMovedOn(holding)
  return paused.reason === 'poisoned' && isResting(paused) && paused.offset === convict.offset
}
