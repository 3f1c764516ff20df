import { KafkaCode } from '../../kafka/error-codes.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import { doubled } from '../../util/backoff.js'

/**
 * What a seat does about an error of JoinGroup, SyncGroup or Heartbeat.
 *
 * - `rejoin`: the group rebalances; join again with the same member id and keep what is assigned until then
 * - `lost`: the membership is gone; stop everything, commit nothing, join as a new member
 * - `regenerate`: the generation is not ours any more; stop everything, commit nothing, join with the same member id
 * - `fenced`: somebody else owns the instance id
 * - `retry`: nothing is known to be wrong with the membership; ask again (perhaps of another coordinator)
 * - `refused`: the broker will say the same again until a person changes something
 */
export type Reaction = 'rejoin' | 'lost' | 'regenerate' | 'fenced' | 'retry' | 'refused'

const REACTIONS: Readonly<Record<number, Reaction>> = {
  [KafkaCode.rebalanceInProgress]: 'rejoin',
  [KafkaCode.memberIdRequired]: 'rejoin',
  [KafkaCode.unknownMemberId]: 'lost',
  [KafkaCode.illegalGeneration]: 'regenerate',
  [KafkaCode.fencedInstanceId]: 'fenced',
  [KafkaCode.inconsistentGroupProtocol]: 'refused',
  [KafkaCode.invalidGroupId]: 'refused',
  [KafkaCode.invalidSessionTimeout]: 'refused',
  [KafkaCode.groupAuthorizationFailed]: 'refused',
  [KafkaCode.topicAuthorizationFailed]: 'refused',
  [KafkaCode.unsupportedVersion]: 'refused',
  [KafkaCode.groupMaxSizeReached]: 'refused',
}

/** @see ConsumerCoordinator and AbstractCoordinator in Kafka's Java client, whose reactions these are */
export const reactionTo = (error: unknown): Reaction =>
  error instanceof KafkaError ? (REACTIONS[error.code] ?? 'retry') : 'retry'

/**
 * Refusals of a commit that say something about the membership. A member's next heartbeat will tell it the same, with
 * authority; whoever is none hears that others are.
 */
const ABOUT_MEMBERSHIP: readonly number[] = [
  KafkaCode.unknownMemberId,
  KafkaCode.illegalGeneration,
  KafkaCode.fencedInstanceId,
  KafkaCode.rebalanceInProgress,
]

export const isAboutMembership = (error: unknown): boolean =>
  error instanceof KafkaError && ABOUT_MEMBERSHIP.includes(error.code)

/** How long to wait before asking again after `failures` failures in a row. */
export const retryDelayMs = (failures: number): number => doubled(25, failures, 1_000)
