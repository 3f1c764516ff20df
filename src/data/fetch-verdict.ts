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
  return ORDINARY.has(error) ? 'look-up' : 'look-up-loudly'
}
