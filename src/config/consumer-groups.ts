import type { SlotConfig } from './resolved.js'

/** One broker in common makes two lists of brokers one cluster: who names none of the other's is on a cluster of his own. */
export const isSameCluster = (a: SlotConfig, b: SlotConfig): boolean =>
  a.kafka.brokers.some((broker) => b.kafka.brokers.includes(broker))

export const isSameGroup = (a: SlotConfig, b: SlotConfig): boolean =>
  a.consumer.groupId === b.consumer.groupId && isSameCluster(a, b)

/**
 * Which slots are in one consumer group: those of one name on one cluster. This is what the whole project means by it.
 *
 * @param configOf what the group of an item depends on
 * @returns the items of each group, both in their order
 */
export const consumerGroups = <T>(items: readonly T[], configOf: (item: T) => SlotConfig): T[][] => {
  const left = new Set(items)
  const groups: T[][] = []
  for (const first of left) {
    left.delete(first)
    const group = new Set([first])
    // Grows while it is walked through: two that know nothing of each other may both know a third.
    for (const member of group) {
      for (const other of left) {
        if (!isSameGroup(configOf(member), configOf(other))) continue
        left.delete(other)
        group.add(other)
      }
    }
    groups.push(items.filter((item) => group.has(item)))
  }
  return groups
}
