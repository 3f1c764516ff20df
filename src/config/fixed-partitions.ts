/** A partition that a subscription is given by its configuration. */
export interface FixedPartition {
  readonly topic: string
  readonly partition: number
}

/** By topic and number. */
export const inOrder = (a: FixedPartition, b: FixedPartition): number => {
  if (a.topic === b.topic) return a.partition - b.partition
  return a.topic < b.topic ? -1 : 1
}

/**
 * Deals fixed partitions to the slots of their subscription, one after the other: none has two more than another, nor two more
 * of one topic. In which order they are written down changes nothing.
 *
 * @returns what each slot gets; nothing where there are more slots than partitions
 */
export const spread = (partitions: readonly FixedPartition[], slots: number): readonly FixedPartition[][] => {
  const sorted = [...partitions].sort(inOrder)
  return Array.from({ length: slots }, (_, place) => sorted.filter((_, index) => index % slots === place))
}
