/** In place of a node id while a partition has no leader. */
export const NO_LEADER = -1

/** In place of a leader epoch (KIP-320) that is not known: the broker is too old, or nothing has been read yet. */
export const NO_EPOCH = -1

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface PartitionMetadata {
  readonly partition: number
  /** Node id of the leader, or {@link NO_LEADER}. */
  readonly leader: number
  /** How many leaders there were before this one. @default NO_EPOCH */
  readonly leaderEpoch?: number
  /** Racks in which a replica is. @default none: the brokers name none */
  readonly racks?: readonly string[]
}

export interface TopicMetadata {
  readonly topic: string
  /** Kafka's error name (`UNKNOWN_TOPIC_OR_PARTITION`, `TOPIC_AUTHORIZATION_FAILED`, …) or null. */
  readonly error: string | null
  /** Sorted by partition. */
  readonly partitions: readonly PartitionMetadata[]
}

export interface BrokerAddress {
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

/** What a cluster said of itself when it was last asked. It grows old: good for a first guess that may fail. */
export interface ClusterView {
  readonly brokers: readonly BrokerAddress[]
  readonly topics: readonly TopicMetadata[]
}

/** What a client is asked about the brokers and the topics of its cluster. */
export interface MetadataClient {
  /**
   * Fresh metadata from a broker, never from a cache, in the order asked for. Topics are never auto-created. `atMostMs` is
   * for how long a broker is waited for, if `requestTimeout` is longer.
   */
  topics(names: readonly string[], limit?: { readonly atMostMs?: number }): Promise<TopicMetadata[]>
  /** What this client has last heard of the brokers, and of those of the topics of which it has. */
  view(topics: readonly string[]): ClusterView
  /** Takes over what another client has heard. */
  learn(view: ClusterView): void
}
