import type { Logger } from 'pino'
import type { SlotConfig } from '../config/resolved.js'
import type { ControlClient, WritingClient } from '../kafka/client.js'
import type { ClusterView, TopicMetadata } from '../kafka/metadata.js'
import type { LostLeader } from '../protocol/messages.js'
import { ClusterStore } from './dead-letters/store.js'
import type { Groups } from './groups.js'
import { Coordinator } from './membership/coordinator.js'
import type { Group } from './membership/group.js'
import { Patience } from './membership/patience.js'
import { PatternTopics } from './membership/pattern-topics.js'
import { answered } from './membership/topic-check.js'
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
  readonly #patterns: PatternTopics
  readonly #news: PartitionLeaderNews
  readonly #log: Logger
  readonly #listeners = new Set<(view: ClusterView) => void>()

  constructor({ slots, groups, client, createWriter, log }: ClusterOptions) {
    this.client = client
    this.deadLetters = new ClusterStore(createWriter)
    const topicsOf = new Map(slots.map((slot) => [groups.of(slot).group, groups.of(slot).groupTopics]))
    const metadata = new Patience()
    this.#log = log
    this.#patterns = new PatternTopics({
      groups: [...topicsOf].map(([group, topics]) => ({ group, topics })),
      topicNames: () => metadata.during((limit) => client.topicNames(limit)),
      metadata: (names) => metadata.during((limit) => client.topics(names, limit)),
      onFound: (group, found) => this.#watch.add(group, found),
      log,
    })
    this.#watch = new TopicWatch({
      groups: [...topicsOf].map(([group, consumed]) => ({
        group,
        get topics() {
          return consumed.all
        },
      })),
      refresh: () => this.#patterns.look(),
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

  /**
   * What the regular expressions of its subscriptions find, before anything joins.
   *
   * @throws {@link PoolError} when the brokers do not say which topics there are
   */
  findTopics(): Promise<void> {
    return answered('the topics that regular expressions find', () => this.#patterns.begin())
  }

  /** What is consumed has been chosen anew: looks what regular expressions find of the rest. If not now, at the next look. */
  async matchAgain(): Promise<void> {
    await this.#patterns.look().catch((err: unknown) => {
      this.#log.debug({ err }, 'could not look what regular expressions find; looking again later')
    })
  }

  /** Topics that a group consumes from now on; none of them is new to it. */
  readonly consume = (group: Group, found: readonly TopicMetadata[]): void => this.#watch.add(group, found)

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
