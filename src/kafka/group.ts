import type { KafkaError } from './kafka-error.js'
import type { TopicPartition } from './metadata.js'
import type { TopicPartitionOffset } from './offsets.js'

export interface Membership {
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
  readonly instanceId: string | null
}

export interface JoinRequest {
  readonly groupId: string
  readonly memberId: string
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** In order of preference. */
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[]
}

export interface JoinResult {
  readonly generation: number
  readonly protocol: string
  readonly leaderId: string
  readonly memberId: string
  /** Filled for the leader only. */
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly metadata: Buffer
  }[]
}

/** A group as its coordinator sees it. */
export interface GroupDescription {
  /** Kafka's name: `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Dead` (no such group). */
  readonly state: string
  /** What they said when they joined and what they were assigned are both empty unless the group is stable. */
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly clientId: string
    /** The address it comes from, as the broker sees it. */
    readonly host: string
    readonly metadata: Buffer
    readonly assignment: Buffer
  }[]
}

/** What a client asks of a group's coordinator. */
export interface GroupClient {
  /** True when the broker speaks the versions that carry a `group.instance.id` (JoinGroup v5, OffsetCommit v7, …). */
  readonly supportsStaticMembership: boolean
  /** Node id of the group's coordinator. `atMostMs` is for how long a broker is waited for, if `requestTimeout` is longer. */
  findCoordinator(groupId: string, limit?: { readonly atMostMs?: number }): Promise<number>
  joinGroup(node: number, request: JoinRequest): Promise<JoinResult>
  /**
   * @param holdMs how long the coordinator may wait for the leader's
   * @returns the member's assignment, as the leader wrote it; empty when it got none
   */
  syncGroup(
    node: number,
    member: Membership,
    assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[],
    holdMs: number,
  ): Promise<Buffer>
  heartbeat(node: number, member: Membership): Promise<void>
  leaveGroup(node: number, member: Omit<Membership, 'generation'>): Promise<void>
  /** Rejects with `UNSUPPORTED_VERSION` before Kafka 2.4, whose answer names no instance ids. */
  describeGroup(node: number, groupId: string): Promise<GroupDescription>
  /**
   * Resolves with the partitions that were refused and why (the request itself may succeed for the others). Rejects when
   * the node is not the group's coordinator. `atMostMs` is for how long an answer is waited for, if `requestTimeout` is
   * longer.
   */
  commitOffsets(
    node: number,
    member: Membership,
    offsets: readonly TopicPartitionOffset[],
    limit?: { readonly atMostMs?: number },
  ): Promise<readonly (TopicPartition & { readonly error: KafkaError })[]>
  /** Committed offsets; -1n where the group has none. `atMostMs` is for how long, if `requestTimeout` is longer. */
  committedOffsets(
    node: number,
    groupId: string,
    partitions: readonly TopicPartition[],
    limit?: { readonly atMostMs?: number },
  ): Promise<readonly TopicPartitionOffset[]>
}
