import type { Assignor, GroupAssignment } from './assignor.js'
import { compareMembers } from './order.js'
import { subscribersByTopic } from './subscribers.js'

/**
 * Topic by topic, each member gets a run of neighbouring partitions; the first members get one more when the division
 * leaves a rest. Topics with as many partitions and the same subscribers are so distributed alike (co-partitioned).
 *
 * The result is that of Java's `RangeAssignor` without racks. Since KIP-881 (Java 3.5) that one prefers members in the
 * rack of a replica, when members name racks and not every partition has a replica in every rack. As leader we do not:
 * the members' shares are as large, but messages may be fetched from another rack. A subscription can name the rack, so
 * that a Java leader takes it into account.
 */
export const range: Assignor = {
  isCooperative: false,
  assign: (members, partitionCounts) => {
    const assignment: GroupAssignment = new Map(members.map(({ memberId }) => [memberId, []]))
    for (const [topic, subscribers] of subscribersByTopic([...members].sort(compareMembers))) {
      const partitions = partitionCounts.get(topic) ?? 0
      const share = Math.floor(partitions / subscribers.length)
      const rest = partitions % subscribers.length
      let partition = 0
      subscribers.forEach(({ memberId }, index) => {
        const end = partition + share + (index < rest ? 1 : 0)
        for (; partition < end; partition++) assignment.get(memberId)?.push({ topic, partition })
      })
    }
    return assignment
  },
}
