import type { TopicMetadata, TopicPartition } from '../../kafka/metadata.js'

/**
 * Which partitions its topics had when a group of the pool began to consume them. One that came later is new to the group: all
 * that is in it has come while it was consumed, and none of it may be skipped.
 */
export class KnownPartitions {
  readonly #counts = new Map<string, number>()

  /** Topics that are consumed from now on, as they are now. What is consumed already stays what it was when that began. */
  begin(found: readonly TopicMetadata[]): void {
    for (const { topic, partitions } of found) this.#beginAt(topic, partitions.length)
  }

  /** Topics that came while the group would have consumed them: all that is in them is new. */
  appeared(topics: readonly string[]): void {
    for (const topic of topics) this.#beginAt(topic, 0)
  }

  /** What is there now: what is gone of a topic may come back, and is new then. */
  look(found: readonly TopicMetadata[]): void {
    for (const { topic, error, partitions } of found) {
      const isSeen = error === null || error === 'UNKNOWN_TOPIC_OR_PARTITION'
      if (isSeen && partitions.length < (this.#counts.get(topic) ?? 0)) this.#counts.set(topic, partitions.length)
    }
  }

  /** Forgets what is consumed no more. */
  keep(consumed: ReadonlySet<string>): void {
    for (const topic of this.#counts.keys()) if (!consumed.has(topic)) this.#counts.delete(topic)
  }

  /** True for a partition that was not there when the group began to consume its topic. */
  isNew({ topic, partition }: TopicPartition): boolean {
    return partition >= (this.#counts.get(topic) ?? Number.POSITIVE_INFINITY)
  }

  #beginAt(topic: string, partitions: number): void {
    if (!this.#counts.has(topic)) this.#counts.set(topic, partitions)
  }
}
