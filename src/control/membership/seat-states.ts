import { KafkaCode } from '../../kafka/error-codes.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import { doubled } from '../../util/backoff.js'

/** The states of a seat and where each may lead. */
export const SEAT_TRANSITIONS = {
  unjoined: ['joining', 'leaving', 'left'],
  joining: ['joining', 'stable', 'lost', 'fenced', 'leaving', 'left'],
  stable: ['rebalancing', 'lost', 'fenced', 'leaving', 'left'],
  rebalancing: ['rebalancing', 'stable', 'lost', 'fenced', 'leaving', 'left'],
  lost: ['lost', 'joining', 'fenced', 'leaving', 'left'],
  fenced: ['joining', 'leaving', 'left'],
  leaving: ['left'],
  left: [],
} as const satisfies Record<string, readonly string[]>

export type SeatState = keyof typeof SEAT_TRANSITIONS

export const mayEnter = (from: SeatState, to: SeatState): boolean =>
  (SEAT_TRANSITIONS[from] as readonly string[]).includes(to)

/** True while the coordinator counts the seat among the group's members, as far as the seat knows. */
export const isMember = (state: SeatState): boolean => state === 'stable' || state === 'rebalancing'

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

/** How long to wait before asking again after `failures` failures in a row. */
export const retryDelayMs = (failures: number): number => doubled(25, failures, 1_000)

/** Somebody else took the instance id: how often and after how long a seat tries to come back (KAFKA-20985, brod). */
export const FENCED_TRIES = 3
export const FENCED_WAIT_MS = 10_000
/** A seat that was a member for so long without being fenced starts counting anew. */
export const FENCED_FORGOTTEN_MS = 120_000
