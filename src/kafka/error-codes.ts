/** Error codes of the Kafka protocol that somebody here decides by. Source: Kafka's `Errors`. */
export const KafkaCode = {
  unknownTopicOrPartition: 3,
  offsetMetadataTooLarge: 12,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  illegalGeneration: 22,
  inconsistentGroupProtocol: 23,
  invalidGroupId: 24,
  unknownMemberId: 25,
  invalidSessionTimeout: 26,
  rebalanceInProgress: 27,
  topicAuthorizationFailed: 29,
  groupAuthorizationFailed: 30,
  unsupportedVersion: 35,
  memberIdRequired: 79,
  groupMaxSizeReached: 81,
  fencedInstanceId: 82,
} as const

/** The node that answered is not the group's coordinator, or not any more. */
export const COORDINATOR_MOVED: readonly number[] = [KafkaCode.coordinatorNotAvailable, KafkaCode.notCoordinator]
