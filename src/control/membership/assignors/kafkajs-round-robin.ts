import type { Assignor } from './assignor.js'
import { deal } from './deal.js'
import { compareText } from './order.js'

/**
 * KafkaJS's own protocol, so that the consumers of a KafkaJS group can be replaced one by one.
 *
 * Members are ordered by member id alone, also static ones, as KafkaJS orders them. While all subscribe to the same
 * topics, the result is that of KafkaJS's assigner, but for the order of the deck: here topics by name and partitions
 * by number, there as the leader subscribed to the topics and as the broker listed the partitions, which is no order to
 * rely on. When topics differ, a KafkaJS leader deals the partitions of its own topics to everybody and forgets the
 * others; here each topic goes to those who subscribe to it.
 */
export const kafkajsRoundRobin: Assignor = {
  isCooperative: false,
  assign: (members, partitionCounts) =>
    deal(
      [...members].sort((a, b) => compareText(a.memberId, b.memberId)),
      partitionCounts,
    ),
}
