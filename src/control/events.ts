import type { PoolError } from '../errors.js'
import type { ErrorData } from '../protocol/error-data.js'
import type {
  DeadLetterReason,
  FailureOutcome,
  PauseReason,
  RecycleReason,
  ResetReason,
  ThreadMemory,
} from '../protocol/reports.js'

/** Who an event is about: enough to find the client, the member and the thread on either side. */
export interface SlotIdentity {
  readonly slot: number
  readonly incarnation: number
  /** `client.id` of the thread's client. */
  readonly clientId: string
  readonly groupId: string
  readonly memberId: string
  /** `group.instance.id`, or null for a dynamic member. */
  readonly instanceId: string | null
}

/** One topic-partition of an event. */
export interface EventPartition {
  readonly topic: string
  readonly partition: number
}

/** A message, by its coordinates (events never carry payloads). */
export interface EventMessage extends EventPartition {
  readonly offset: string
  /** 1 for the first try. */
  readonly attempt: number
}

/** A handler that was running when its thread died, and for how long. */
export interface InFlightMessage extends EventMessage {
  readonly runningMs: number
}

export interface SlotReady extends SlotIdentity {
  /** Node's number of the thread; with `isolation: 'process'` the id of its process. */
  readonly threadId: number
  readonly assignment: readonly EventPartition[]
}

export interface SlotCrashed extends SlotIdentity {
  readonly error: PoolError
  /** Suspects: the messages that were being handled. They are handled again. */
  readonly inFlight: readonly InFlightMessage[]
  /** Messages that this incarnation had finished. */
  readonly finished: number
  /** In how many ms the slot starts anew; null when it is parked instead. */
  readonly restartInMs: number | null
}

export interface SlotRecovered extends SlotIdentity {
  /** From noticing the crash until the replacement had taken up its positions. */
  readonly afterMs: number
  readonly by: 'handover' | 'rejoin'
}

/** Its incarnation and client id are those of the thread that was replaced. */
export interface SlotRecycled extends SlotIdentity {
  readonly reason: RecycleReason
  /** Messages that it had finished. */
  readonly finished: number
  /** What it took at its end; null when it had not said so yet. */
  readonly memory: ThreadMemory | null
  /** For how long the slot began no message: from the end of the last one until the replacement had taken up its positions. */
  readonly afterMs: number
}

export interface SlotStalled extends SlotIdentity {
  /** Where nothing moves, each with the offset at which it stands. */
  readonly partitions: readonly (EventPartition & { readonly offset: string })[]
}

export interface SlotParked {
  readonly slot: number
  readonly groupId: string
  readonly instanceId: string | null
  readonly error: PoolError
  /** When the slot is tried again; null when it stays parked until the pool is restarted. */
  readonly retryInMs: number | null
}

export interface GroupJoined {
  readonly slot: number
  readonly groupId: string
  /** `client.id` of the seat's client. */
  readonly clientId: string
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
  readonly protocol: string
  readonly leader: boolean
}

export interface GroupAssigned {
  readonly slot: number
  readonly groupId: string
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
  readonly added: readonly EventPartition[]
  readonly removed: readonly EventPartition[]
  readonly assignment: readonly EventPartition[]
}

export interface GroupRevoking {
  readonly slot: number
  readonly groupId: string
  readonly memberId: string
  readonly instanceId: string | null
  readonly generation: number
  /** What the slot will not have any more. */
  readonly partitions: readonly EventPartition[]
}

export interface GroupLost {
  readonly slot: number
  readonly groupId: string
  readonly memberId: string
  readonly instanceId: string | null
  /** The one that is over. */
  readonly generation: number
  readonly partitions: readonly EventPartition[]
  readonly reason: string
}

export interface GroupFenced {
  readonly slot: number
  readonly groupId: string
  readonly memberId: string
  readonly instanceId: string | null
  /** 1 for the first time. */
  readonly tries: number
  /** When the seat tries to come back; null when it gives up and the slot is parked. */
  readonly retryInMs: number | null
}

export interface OffsetsCommitted {
  readonly slot: number
  readonly groupId: string
  readonly generation: number
  /** From the begin of the commit until the coordinator had answered, with all tries. */
  readonly tookMs: number
  readonly offsets: readonly (EventPartition & { readonly offset: string })[]
}

export interface MessageFailed extends SlotIdentity, EventMessage {
  readonly error: ErrorData
  /** What happens to the message now. */
  readonly outcome: FailureOutcome
  readonly retryInMs: number | null
}

export interface MessageDeadLettered extends SlotIdentity, EventMessage {
  readonly reason: DeadLetterReason
  /** What the handler threw last, or what the last thread died of. */
  readonly error: ErrorData
  /** Where it is now. */
  readonly deadLetter: EventPartition & { readonly offset: string }
}

export interface PartitionPaused extends SlotIdentity, EventPartition {
  /** Why it stands still. */
  readonly reason: PauseReason
  /** The message, or the start of the batch, at which the partition stands still. */
  readonly offset: string
  /** With the handler's own error as the `cause` of `KCP_HANDLER_EXHAUSTED` and `KCP_DEAD_LETTER_BREAKER`. */
  readonly error: PoolError
  /** How often the message was tried in all; null for a batch that cannot be read. */
  readonly attempts: number | null
  /** How often it was tried again since the partition stands still, in vain. */
  readonly retries: number
  /** When it is tried again; null when that takes `resume()` or a restart. */
  readonly retryInMs: number | null
}

export interface PartitionResumed extends SlotIdentity, EventPartition {
  /** Where it had stood still. */
  readonly offset: string
  /** For how long. */
  readonly afterMs: number
}

export interface OffsetReset extends SlotIdentity, EventPartition {
  /** The offset that the broker does not hold any more (or not yet), or up to which messages were read that are gone. */
  readonly from: string
  readonly to: string
  readonly reason: ResetReason
}

export interface PoolScaled {
  /** Its place in `subscriptions`. */
  readonly subscription: number
  /** How many slots it had. */
  readonly from: number
  readonly to: number
  /**
   * `asked`: by `scale()`; `lag`: what waits took too long to be handled, or more came in than was handled; `idle`: fewer
   * slots have been enough for a while.
   */
  readonly reason: 'asked' | 'lag' | 'idle'
  /** Numbers of the slots that came. */
  readonly added: readonly number[]
  /** Numbers of the slots that are gone. */
  readonly removed: readonly number[]
  /** How long it took, with the rebalance and what was in flight. */
  readonly afterMs: number
}

export interface PoolEscalated {
  readonly error: PoolError
}

export interface PoolStopped {
  /** How long the stop took. */
  readonly afterMs: number
  /** True when every handler came back before the drain deadline, and none gave its message up because of it. */
  readonly drained: boolean
}

/** Every event of a {@link ConsumerPool}. Payloads are plain frozen data. */
export interface PoolEvents {
  /** A thread has taken up its slot's positions and handles messages. */
  'slot:ready': [SlotReady]
  /** A slot's thread died or was ended; what was in flight is handled again by its replacement. */
  'slot:crashed': [SlotCrashed]
  /** The replacement of a crashed thread has taken up its positions. */
  'slot:recovered': [SlotRecovered]
  /** A thread that worked was replaced between two messages, to free its memory or because somebody asked for it. */
  'slot:recycled': [SlotRecycled]
  /** Messages wait and nothing has moved for two session timeouts, or for five minutes if that is less. */
  'slot:stalled': [SlotStalled]
  /** A slot gave its partitions up because it cannot be kept running; the event says why and until when. */
  'slot:parked': [SlotParked]
  /** A seat became a member of a generation of its group. */
  'group:joined': [GroupJoined]
  /** A seat's assignment is in force: what came, what went, what it has now. */
  'group:assigned': [GroupAssigned]
  /** Partitions are about to be given up and nothing is handled there any more; the commit waits for the promises of listeners. */
  'group:revoking': [GroupRevoking]
  /** The membership is over before anything could be committed, so others handle again what is not committed. */
  'group:lost': [GroupLost]
  /** Another member took the seat's `group.instance.id`; the seat has stopped its partitions. */
  'group:fenced': [GroupFenced]
  /** The coordinator has stored these offsets (the next message to handle of each partition). */
  'offsets:committed': [OffsetsCommitted]
  /** A handler threw or rejected; the event says what becomes of the message: another try, a pause, a dead letter, nothing. */
  'message:failed': [MessageFailed]
  /** A message that was given up is stored in its dead-letter topic, and counts as finished. */
  'message:dead-lettered': [MessageDeadLettered]
  /** A partition stands still, and the event says why and when it is tried again; the others go on. */
  'partition:paused': [PartitionPaused]
  /** A partition that stood still has moved on. */
  'partition:resumed': [PartitionResumed]
  /** A position was not in the leader's log (any more) and another was chosen: messages may have been missed. */
  'offset:reset': [OffsetReset]
  /** Slots were added, and have their assignments; or some were removed, and have left the group. */
  'pool:scaled': [PoolScaled]
  /** The pool cannot heal itself: every slot is parked, every partition stands still, or too many crashes bore no fruit. */
  'pool:escalated': [PoolEscalated]
  /** The pool has stopped: nothing of it is left running. */
  'pool:stopped': [PoolStopped]
}
