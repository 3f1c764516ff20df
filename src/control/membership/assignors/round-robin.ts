import type { Assignor } from './assignor.js'
import { deal } from './deal.js'
import { compareMembers } from './order.js'

/**
 * All partitions of all topics dealt out in turn. The result is that of Java's `RoundRobinAssignor`, so the partitions
 * stay where they are when a Java member takes over the lead.
 */
export const roundRobin: Assignor = {
  isCooperative: false,
  assign: (members, partitionCounts) => deal([...members].sort(compareMembers), partitionCounts),
}
