import type { TopicMetadata, TopicPartition } from '../../kafka/metadata.js'

/**
 * Whether a partition is not there.
 *
 * @returns undefined when nothing is known of it: its topic was not asked for, or its brokers are in trouble
 */
export const isGone = ({ topic, partition }: TopicPartition, found: readonly TopicMetadata[]): boolean | undefined => {
  const metadata = found.find((each) => each.topic === topic)
  if (metadata === undefined) return undefined
  if (metadata.error === null) return !metadata.partitions.some((each) => each.partition === partition)
  return metadata.error === 'UNKNOWN_TOPIC_OR_PARTITION' ? true : undefined
}
