import type { TopicMetadata, TopicPartition } from '../../kafka/metadata.js'

/**
 * Which partitions of its topics a pool has found when it started. One that came later is new to everybody, so all that
 * is in it has come while the pool ran, and none of it may be skipped.
 */
export class KnownPartitions {
  readonly #counts = new Map<string, number>()

  /** What is there when the pool starts. */
  begin(found: readonly TopicMetadata[]): void {
    for (const { topic, partitions } of found) this.#counts.set(topic, partitions.length)
  }

  /** Topics that came while the pool ran: all that is in them is new. */
  appeared(topics: readonly string[]): void {
    for (const topic of topics) if (!this.#counts.has(topic)) this.#counts.set(topic, 0)
  }

  /** What is there now: a topic that is gone may come back, and all of it is new then. */
  look(found: readonly TopicMetadata[]): void {
    for (const { topic, error } of found) if (error === 'UNKNOWN_TOPIC_OR_PARTITION') this.#counts.set(topic, 0)
  }

  /** True for a partition that was not there when the pool started. */
  isNew({ topic, partition }: TopicPartition): boolean {
    return partition >= (this.#counts.get(topic) ?? Number.POSITIVE_INFINITY)
  }
}
