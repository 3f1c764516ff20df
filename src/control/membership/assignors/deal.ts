import type { GroupAssignment, MemberSubscription } from './assignor.js'
import { subscribersByTopic } from './subscribers.js'

/**
 * Deals all partitions out in turn, topic by topic in the order of their names, going round the members as they are
 * listed; a member that does not subscribe to the topic is passed over.
 */
export const deal = (
  members: readonly MemberSubscription[],
  partitionCounts: ReadonlyMap<string, number>,
): GroupAssignment => {
  const assignment: GroupAssignment = new Map(members.map(({ memberId }) => [memberId, []]))
  const ring = [...assignment]
  let next = 0
  for (const [topic, subscribers] of subscribersByTopic(members)) {
    const eligible = new Set(subscribers.map(({ memberId }) => memberId))
    for (let partition = 0; partition < (partitionCounts.get(topic) ?? 0); ) {
      // Comes round to a subscriber, as there is one.
      const [memberId, partitions] = ring[next++ % ring.length] ?? []
      if (memberId === undefined || !eligible.has(memberId)) continue
      partitions?.push({ topic, partition: partition++ })
    }
  }
  return assignment
}
