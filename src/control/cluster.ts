import type { Logger } from 'pino'
import type { SlotConfig } from '../config/resolved.js'
import type { ControlClient, WritingClient } from '../kafka/client.js'
import type { ClusterView, TopicMetadata, TopicPartition } from '../kafka/metadata.js'
import type { LostLeader } from '../protocol/messages.js'
import { ClusterStore } from './dead-letters/store.js'
import type { Groups } from './groups.js'
import { Coordinator } from './membership/coordinator.js'
import { Patience } from './membership/patience.js'
import { TopicWatch } from './membership/topic-watch.js'
import { PartitionLeaderNews } from './partition-leader-news.js'

export interface ClusterOptions {
  /** Those that reach the cluster in this way. */
  readonly slots: readonly SlotConfig[]
  readonly groups: Groups
  readonly client: ControlClient
  /** The one that writes dead letters. */
  readonly createWriter: () => WritingClient
  readonly log: Logger
}

/** A cluster in one of the ways to reach it, for the slots that reach it so: they share a client, beside those of the seats. */
export class Cluster {
  /** For commits and metadata. */
  readonly client: ControlClient
  readonly #commits = new Patience()
  readonly deadLetters: ClusterStore
  readonly #watch: TopicWatch
  readonly #news: PartitionLeaderNews
  readonly #listeners = new Set<(view: ClusterView) => void>()

  constructor({ slots, groups, client, createWriter, log }: ClusterOptions) {
    this.client = client
    this.deadLetters = new ClusterStore(createWriter)
    const topicsOf = new Map(slots.map((slot) => [groups.of(slot).group, new Set<string>()]))
    for (const slot of slots) for (const topic of slot.topics) topicsOf.get(groups.of(slot).group)?.add(topic)
    const metadata = new Patience()
    this.#watch = new TopicWatch({
      groups: [...topicsOf].map(([group, topics]) => ({ group, topics })),
      metadata: (names) => metadata.during((limit) => client.topics(names, limit)),
      describe: async ({ groupId }) =>
        this.coordinatorOf(groupId).ask((shared, node) => shared.describeGroup(node, groupId)),
      intervalMs: Math.min(...slots.map(({ consumer }) => consumer.metadataMaxAge)),
      heartbeatMs: Math.max(...slots.map(({ consumer }) => consumer.heartbeatInterval)),
      log,
    })
    const tell = (view: ClusterView) => {
      for (const listener of this.#listeners) listener(view)
    }
    this.#news = new PartitionLeaderNews({ client, tell, log })
  }

  /** A group's coordinator, by way of that client. */
  coordinatorOf(groupId: string): Coordinator {
    return new Coordinator(this.client, groupId, this.#commits)
  }

  /** Metadata before anything joins: what is there now is what the pool found. */
  async topicsAtStart(names: readonly string[]): Promise<readonly TopicMetadata[]> {
    const found = await this.client.topics(names)
    this.#watch.begin(found)
    return found
  }

  /** Fresh metadata for whoever assigns. */
  topics(names: readonly string[]): Promise<readonly TopicMetadata[]> {
    return this.#watch.metadata(names)
  }

  /** True for a partition that was not there when the pool started. */
  isNew(partition: TopicPartition): boolean {
    return this.#watch.known.isNew(partition)
  }

  /** A thread has lost the leaders of these partitions: the listeners hear where they are now. */
  leadersLost(partitions: readonly LostLeader[]): void {
    this.#news.lost(partitions)
  }

  /** @returns what ends it */
  onLeaders(listener: (view: ClusterView) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Makes no group rebalance any more. */
  stopWatching(): void {
    this.#watch.close()
  }

  close(): void {
    this.#watch.close()
    this.#news.close()
    this.deadLetters.close()
    this.client.close()
  }
}
