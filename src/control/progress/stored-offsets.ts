import type { TopicPartition } from '../../kafka/metadata.js'
import type { TopicPartitionOffset } from '../../kafka/offsets.js'

/**
 * What a group was seen to have stored while the pool ran, by whichever slot: so that it is noticed when that is gone, because
 * somebody has deleted the group or its offsets have expired.
 */
export class StoredOffsets {
  readonly #byTopic = new Map<string, Map<number, bigint>>()

  note({ topic, partition, offset }: TopicPartitionOffset): void {
    const stored = this.#byTopic.get(topic) ?? new Map<number, bigint>()
    this.#byTopic.set(topic, stored.set(partition, offset))
  }

  /** Forgets what the group has stored of other topics: it consumes only these. */
  keep(topics: ReadonlySet<string>): void {
    for (const topic of this.#byTopic.keys()) if (!topics.has(topic)) this.#byTopic.delete(topic)
  }

  /** Of a partition for which nothing is stored now. @returns what was before, and only once; undefined if nothing was */
  takeGone({ topic, partition }: TopicPartition): bigint | undefined {
    const stored = this.#byTopic.get(topic)
    const before = stored?.get(partition)
    stored?.delete(partition)
    return before
  }
}
