import type { TopicPartition } from '../metadata.js'

/** Kafka's requests name each topic once, with its partitions. */
export const byTopic = <T extends TopicPartition, P>(
  items: readonly T[],
  toPartition: (item: T) => P,
): { topic: string; partitions: P[] }[] => {
  const topics = new Map<string, P[]>()
  for (const item of items) {
    const partitions = topics.get(item.topic)
    if (partitions === undefined) topics.set(item.topic, [toPartition(item)])
    else partitions.push(toPartition(item))
  }
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}

/** The way back: every partition of an answer, with the topic it stands under. */
export const flatten = <P>(
  topics: readonly { readonly topic: string; readonly partitions: readonly P[] }[],
): (P & { topic: string })[] =>
  topics.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ ...partition, topic })))
