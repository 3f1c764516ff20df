import { namedError } from './errors.js'
import { NO_EPOCH, NO_LEADER, type PartitionMetadata, type TopicMetadata, type TopicPartition } from './metadata.js'

/**
 * The partitions by the node that leads them.
 *
 * @param topics metadata of all their topics
 * @throws KafkaError when a topic has an error, or a partition has no leader or does not exist
 */
export const leadersOf = (
  partitions: readonly TopicPartition[],
  topics: readonly TopicMetadata[],
): Map<number, TopicPartition[]> => {
  const byName = new Map(topics.map((topic) => [topic.topic, topic]))
  const byLeader = new Map<number, TopicPartition[]>()
  for (const wanted of partitions) {
    const what = `Metadata for ${wanted.topic}[${wanted.partition}]`
    const topic = byName.get(wanted.topic)
    if (topic?.error) throw namedError(topic.error, what)
    const found = topic?.partitions.find(({ partition }) => partition === wanted.partition)
    if (found === undefined) throw namedError('UNKNOWN_TOPIC_OR_PARTITION', what)
    if (found.leader === NO_LEADER) throw namedError('LEADER_NOT_AVAILABLE', what)
    byLeader.set(found.leader, [...(byLeader.get(found.leader) ?? []), wanted])
  }
  return byLeader
}

/** Whether the metadata of its topic names a leader of the partition. */
export const isLed = ({ topic, partition }: TopicPartition, topics: readonly TopicMetadata[]): boolean => {
  const found = topics.find((each) => each.topic === topic && each.error === null)?.partitions
  return found?.some((each) => each.partition === partition && each.leader !== NO_LEADER) === true
}

/** A leader that somebody knew, and its epoch if the broker tells epochs. */
export interface KnownLeader {
  readonly leader: number
  readonly leaderEpoch: number
}

/** Whether metadata names a later leader than the one known (KIP-320). Without epochs another one counts as later. */
export const isLaterLeader = (
  { leader, leaderEpoch = NO_EPOCH }: Pick<PartitionMetadata, 'leader' | 'leaderEpoch'>,
  known: KnownLeader,
): boolean => {
  if (leader === NO_LEADER) return false
  if (leaderEpoch === NO_EPOCH || known.leaderEpoch === NO_EPOCH) return leader !== known.leader
  return leaderEpoch > known.leaderEpoch
}
