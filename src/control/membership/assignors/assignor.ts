import type { TopicPartition } from '../../../kafka/metadata.js'

/** A member of the group as its leader sees it. */
export interface MemberSubscription {
  readonly memberId: string
  /** `group.instance.id`, or null for a dynamic member. */
  readonly instanceId: string | null
  readonly topics: readonly string[]
}

/** Member id to the partitions that the member shall have; has every member, also those that get nothing. */
export type GroupAssignment = Map<string, TopicPartition[]>

/** A way to distribute partitions over the members of a group: pure, the same answer on every machine. */
export interface Assignor {
  /** @param partitionCounts number of partitions by topic; a topic that is missing has none */
  assign(members: readonly MemberSubscription[], partitionCounts: ReadonlyMap<string, number>): GroupAssignment
}
