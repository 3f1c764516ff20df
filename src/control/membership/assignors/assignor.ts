import type { TopicPartition } from '../../../kafka/metadata.js'

/** A member of the group as its leader sees it. */
export interface MemberSubscription {
  readonly memberId: string
  /** `group.instance.id`, or null for a dynamic member. */
  readonly instanceId: string | null
  readonly topics: readonly string[]
  /** What it says that it owns. @default none */
  readonly owned?: readonly TopicPartition[]
  /** The generation in which it got that. @default -1 (none) */
  readonly generation?: number
  /** It is about to leave: it keeps what it owns until its handlers are back, and shall get nothing. @default false */
  readonly isDraining?: boolean
  /** `client.rack`. @default null (none) */
  readonly rackId?: string | null
}

/** Member id to the partitions that the member shall have; has every member, also those that get nothing. */
export type GroupAssignment = Map<string, TopicPartition[]>

/** For each partition of a topic, by number, the racks in which a replica of it is; none where the brokers name none. */
export type ReplicaRacks = ReadonlyMap<string, readonly (readonly string[])[]>

/** A way to distribute partitions over the members of a group: pure, the same answer on every machine. */
export interface Assignor {
  /**
   * Whether members go on with what they own until they are told what they lose, and join again when they have given it
   * up (KIP-429); else they own nothing while the group rebalances.
   */
  readonly isCooperative: boolean
  /**
   * @param partitionCounts number of partitions by topic; a topic that is missing has none
   * @param racks of the topics' replicas @default none
   */
  assign(
    members: readonly MemberSubscription[],
    partitionCounts: ReadonlyMap<string, number>,
    racks?: ReplicaRacks,
  ): GroupAssignment
}

/** What the module of an assignor of your own exports, by name or as its default export. See docs/assignors.md. */
export interface OwnAssignor {
  /** Under which the group knows it: all members have to offer that name. */
  readonly name: string
  /** See {@link Assignor}. What another member still owns is kept from its next owner for one generation by the pool. @default false */
  readonly isCooperative?: boolean
  /**
   * Pure: it may be asked on any member's machine. A partition may be left to nobody.
   *
   * @param partitionCounts number of partitions by topic; a topic that the brokers do not know has none
   * @param racks of the topics' replicas; empty where the brokers name none
   */
  assign(
    members: readonly MemberSubscription[],
    partitionCounts: ReadonlyMap<string, number>,
    racks: ReplicaRacks,
  ): GroupAssignment | Promise<GroupAssignment>
}
