import { NO_EPOCH } from '../../kafka/metadata.js'
import type { EpochEnd } from '../../kafka/offsets.js'
import type { Fetching } from '../partition.js'

type Position = Pick<Fetching, 'offsetEpoch' | 'leaderEpoch' | 'checkedEpoch'>

/**
 * Whether a position must be compared with its leader's log before it is fetched from (KIP-320). What the present leader
 * wrote itself is in its log; what an earlier one wrote may have been cut off when this one was elected.
 */
export const needsCheck = ({ offsetEpoch, leaderEpoch, checkedEpoch }: Position): boolean =>
  offsetEpoch !== NO_EPOCH && leaderEpoch !== NO_EPOCH && leaderEpoch !== offsetEpoch && leaderEpoch !== checkedEpoch

/** Whether metadata is older than what has been read: from a broker that lags behind, or of a topic that was made anew. */
export const isStale = (leaderEpoch: number, { offsetEpoch }: Pick<Position, 'offsetEpoch'>): boolean =>
  leaderEpoch !== NO_EPOCH && leaderEpoch < offsetEpoch

export type PositionVerdict =
  /** The leader's log has everything up to the position. */
  | { readonly type: 'stands' }
  /** It has other messages from this offset on. */
  | { readonly type: 'truncated'; readonly offset: number; readonly leaderEpoch: number }
  /** It has nothing of the epoch nor of an earlier one: where the logs part is not known. */
  | { readonly type: 'lost' }

/** The rules of the Java client's `SubscriptionState.maybeCompleteValidation`. */
export const judgePosition = (
  offset: number,
  { leaderEpoch, endOffset }: Pick<EpochEnd, 'leaderEpoch' | 'endOffset'>,
): PositionVerdict => {
  if (leaderEpoch < 0 || endOffset < 0) return { type: 'lost' }
  return endOffset < offset ? { type: 'truncated', offset: endOffset, leaderEpoch } : { type: 'stands' }
}
