import type { TopicPartition } from '../../kafka/metadata.js'
import type { TopicPartitionOffset } from '../../kafka/offsets.js'
import { partitionName } from '../../util/partition-name.js'

/**
 * What a group was seen to have stored while the pool ran, by whichever slot: so that it is noticed when that is gone, because
 * somebody has deleted the group or its offsets have expired.
 */
export class StoredOffsets {
  readonly #byPartition = new Map<string, bigint>()

  note({ topic, partition, offset }: TopicPartitionOffset): void {
    this.#byPartition.set(partitionName({ topic, partition }), offset)
  }

  /** Of a partition for which nothing is stored now. @returns what was before, and only once; undefined if nothing was */
  takeGone(partition: TopicPartition): bigint | undefined {
    const name = partitionName(partition)
    const before = this.#byPartition.get(name)
    this.#byPartition.delete(name)
    return before
  }
}
