import { ErrorCode } from '../../errors.js'

/** What to do about the error of one partition in a Fetch answer. */
export type FetchVerdict =
  /** Look the leader up again, then go on. */
  | 'look-up'
  /** The same, but it is no part of ordinary life: say so. */
  | 'look-up-loudly'
  /** The offset is not there: let the reset policy choose another. */
  | 'reset-offset'
  /** An ACL is missing: try again much later. */
  | 'denied'
  /** The broker cannot read its own log there: as with a batch that arrives and cannot be read. */
  | 'unreadable'

const ORDINARY: ReadonlySet<string> = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'REPLICA_NOT_AVAILABLE',
  'UNKNOWN_LEADER_EPOCH',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'OFFSET_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
])

/**
 * The rules of the Java client's `FetchCollector.handleInitializeErrors`.
 *
 * @param error Kafka's error name
 * @param fromFollower a follower may lag behind or have less of the log than the leader, so its "out of range" proves
 *   nothing (KIP-392)
 */
export const judgeFetchError = (error: string, fromFollower: boolean): FetchVerdict => {
  if (error === 'OFFSET_OUT_OF_RANGE') return fromFollower ? 'look-up' : 'reset-offset'
  if (error === 'TOPIC_AUTHORIZATION_FAILED') return 'denied'
  if (error === 'CORRUPT_MESSAGE') return 'unreadable'
  return ORDINARY.has(error) ? 'look-up' : 'look-up-loudly'
}

/** How often a batch that cannot be read is asked for again, with growing pauses that make about two seconds in all. */
const ASKED_AGAIN = 5

/**
 * One rule for every batch that is damaged, whoever found it out, the broker or we: it may be a bit that was flipped on
 * the way, and after a change of leaders another replica may have it whole, so it is asked for a few times more; then
 * its partition stands still, because to pass it over would lose messages. Java's client throws at each poll, for both.
 * What an option forbids or lacks (codec, limits) is no different the next time.
 *
 * @param code of the error
 * @param times how often in a row it could not be read, this time included
 */
export const judgeUnreadable = (code: string | undefined, times: number): 'ask-again' | 'halt' =>
  code === ErrorCode.batchUndecodable && times <= ASKED_AGAIN ? 'ask-again' : 'halt'
