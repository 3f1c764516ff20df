import type { DeadLetterConfig } from '../../config/resolved.js'
import { namedError } from '../../kafka/errors.js'
import { NO_LEADER, type PartitionMetadata, type TopicMetadata } from '../../kafka/metadata.js'

/**
 * Where a dead letter of a partition goes.
 *
 * With `any` that is the partition with its number, modulo how many there are (so what was in order stays so), or the
 * next one that has a leader.
 *
 * @throws KafkaError when there is none
 */
export const destinationOf = (
  { topic, error, partitions }: TopicMetadata,
  source: number,
  which: DeadLetterConfig['partition'],
): PartitionMetadata => {
  const what = `Metadata for ${topic}`
  if (error !== null) throw namedError(error, what)
  if (which === 'same') {
    const same = partitions.find(({ partition }) => partition === source)
    if (same === undefined) {
      throw namedError('UNKNOWN_TOPIC_OR_PARTITION', `${what}[${source}] (it has ${partitions.length} partitions)`)
    }
    if (same.leader === NO_LEADER) throw namedError('LEADER_NOT_AVAILABLE', `${what}[${source}]`)
    return same
  }
  const first = source % Math.max(partitions.length, 1)
  const found = [...partitions.slice(first), ...partitions.slice(0, first)].find(({ leader }) => leader !== NO_LEADER)
  if (found === undefined) throw namedError('LEADER_NOT_AVAILABLE', what)
  return found
}
