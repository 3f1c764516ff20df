import type { TopicPartition } from '../../../kafka/metadata.js'
import type { MemberSubscription } from './assignor.js'

/** UTF-16 code units, which is the order of Java's `String.compareTo` and of JavaScript's `sort()`; never a locale's. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

export const comparePartitions = (a: TopicPartition, b: TopicPartition): number =>
  compareText(a.topic, b.topic) || a.partition - b.partition

/**
 * Static members first, by instance id, then dynamic ones by member id (KIP-345; Java:
 * `AbstractPartitionAssignor.MemberInfo`). So a static member that comes back under a new member id keeps its place,
 * and with it its partitions.
 */
export const compareMembers = (a: MemberSubscription, b: MemberSubscription): number => {
  if (a.instanceId !== null && b.instanceId !== null) return compareText(a.instanceId, b.instanceId)
  if (a.instanceId !== null) return -1
  if (b.instanceId !== null) return 1
  return compareText(a.memberId, b.memberId)
}
