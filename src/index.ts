export type {
  AssignedTopic,
  ConsumerPoolOptions,
  SlotOverrides,
  SubscriptionOptions,
  WorkersRange,
} from './config/options.js'
export type {
  EventMessage,
  EventPartition,
  GroupAssigned,
  GroupFenced,
  GroupJoined,
  GroupLost,
  GroupRevoking,
  InFlightMessage,
  MessageDeadLettered,
  MessageFailed,
  OffsetReset,
  OffsetsCommitted,
  PartitionPaused,
  PartitionResumed,
  PoolEscalated,
  PoolEvents,
  PoolScaled,
  PoolStopped,
  SlotCrashed,
  SlotIdentity,
  SlotParked,
  SlotReady,
  SlotRecovered,
  SlotRecycled,
  SlotStalled,
} from './control/events.js'
export type {
  GroupAssignment,
  MemberSubscription,
  OwnAssignor,
  ReplicaRacks,
} from './control/membership/assignors/index.js'
export { ConsumerPool } from './control/pool.js'
export type {
  PartitionPause,
  PartitionStatus,
  PoolState,
  PoolStatus,
  PoolTotals,
  SlotState,
  SlotStatus,
  SubscriptionStatus,
} from './control/status.js'
export type { SeekTarget } from './control/steering/seek-target.js'
export type { SubscriptionChoice } from './control/steering/subscription-choice.js'
export type { TopicSelection } from './control/steering/topic-selection.js'
export {
  ConfigError,
  type ConfigIssue,
  ErrorCode,
  type ErrorContext,
  PoolError,
} from './errors.js'
export * from './handler.js'
export type {
  DeadLetterReason,
  FailureOutcome,
  PauseReason,
  RecycleReason,
  ResetReason,
  ThreadMemory,
} from './protocol/reports.js'
