import type { FetchedPartition } from '../../kafka/fetch.js'
import type { Partition } from '../partition.js'

/** One partition as it was asked for in a Fetch. */
export interface RequestedPartition {
  readonly partition: Partition
  readonly offset: number
  /** Of the leader as it was known then. */
  readonly leaderEpoch: number
  readonly maxBytes: number
  /** See {@link FetchPartition.stopsAt} and {@link FetchPartition.mostMessages}. */
  readonly stopsAt?: number | undefined
  readonly mostMessages?: number
}

/** What became of a Fetch. */
export type FetchOutcome = { readonly requested: readonly RequestedPartition[] } & (
  | { readonly answer: readonly FetchedPartition[] }
  | { readonly failure: unknown }
)

/** Something was there for it, and nothing of it came. */
export const passedOver = ({ error, batch, cutOff, undecodable, end }: FetchedPartition, offset: number): boolean =>
  error === null && batch === null && undecodable === null && (end > offset || cutOff !== null)

/** Messages came, and nothing has to be told. */
export const isGood = (outcome: FetchOutcome): boolean =>
  'answer' in outcome && outcome.answer.length > 0 && outcome.answer.every(({ batch }) => batch !== null)

/**
 * What became of two Fetches to one node, as if they had been one: what went wrong with both is told once.
 *
 * @returns both, when only one of them was answered
 */
export const together = (first: FetchOutcome, second: FetchOutcome): readonly FetchOutcome[] => {
  const requested = [...first.requested, ...second.requested]
  if ('answer' in first && 'answer' in second) return [{ requested, answer: [...first.answer, ...second.answer] }]
  if ('failure' in first && 'failure' in second) return [{ requested, failure: first.failure }]
  return [first, second]
}
