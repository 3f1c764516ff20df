/*
 * The typed face of this folder: what the rest of the project knows of a Kafka connection. `connection.ts` implements
 * it on kafkajs; tests put fakes in its place.
 */

/** A broker's answer was an error code, or the request never got an answer. */
export class KafkaError extends Error {
  override readonly name = 'KafkaError'
  /** Kafka's name of the code (`REBALANCE_IN_PROGRESS`), or `CONNECTION` / `REQUEST_TIMED_OUT` / `CLOSED` without an answer. */
  readonly type: string
  /** Kafka's number of the code; -1 without an answer. */
  readonly code: number
  /** True when the same request may succeed later (as in Kafka's own table), and for every connection error. */
  readonly retriable: boolean
  /** With `MEMBER_ID_REQUIRED`: the id to join with. */
  readonly memberId?: string

  constructor(
    type: string,
    code: number,
    retriable: boolean,
    message: string,
    more: { memberId?: string; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.type = type
    this.code = code
    this.retriable = retriable
    if (more.memberId !== undefined) this.memberId = more.memberId
  }

  /** True when no answer came: refused, closed, timed out. */
  get unanswered(): boolean {
    return this.code === -1
  }
}

/** In place of a node id while a partition has no leader. */
export const NO_LEADER = -1

/** In place of a leader epoch (KIP-320) that is not known: the broker is too old, or nothing has been read yet. */
export const NO_EPOCH = -1

export interface PartitionMetadata {
  readonly partition: number
  /** Node id of the leader, or {@link NO_LEADER}. */
  readonly leader: number
  /** How many leaders there were before this one. @default NO_EPOCH */
  readonly leaderEpoch?: number
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

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface TopicPartitionOffset extends TopicPartition {
  readonly offset: bigint
  /** Under which leader the message before `offset` was written, or a later leader that has it too. @default NO_EPOCH */
  readonly leaderEpoch?: number
}

/** A position that is to be compared with the leader's log. */
export interface EpochQuestion extends TopicPartition {
  /** Of the leader that is asked. */
  readonly currentLeaderEpoch: number
  /** Of the position. */
  readonly leaderEpoch: number
}

/** The last epoch up to the one asked for in the leader's log, and where that ends there. */
export interface EpochEnd extends TopicPartition {
  /** Kafka's error name, or null. */
  readonly error: string | null
  /** {@link NO_EPOCH} when the log begins with a later one, or ends before. */
  readonly leaderEpoch: number
  /** -1 when `leaderEpoch` is {@link NO_EPOCH}. */
  readonly endOffset: number
}

export interface Membership {
  readonly groupId: string
  readonly generation: number
  readonly memberId: string
  readonly instanceId: string | null
}

export interface JoinRequest {
  readonly groupId: string
  readonly memberId: string
  readonly instanceId: string | null
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  /** In order of preference. */
  readonly protocols: readonly { readonly name: string; readonly metadata: Buffer }[]
}

export interface JoinResult {
  readonly generation: number
  readonly protocol: string
  readonly leaderId: string
  readonly memberId: string
  /** Filled for the leader only. */
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly metadata: Buffer
  }[]
}

/** A group as its coordinator sees it. */
export interface GroupDescription {
  /** Kafka's name: `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Dead` (no such group). */
  readonly state: string
  /** What they said when they joined and what they were assigned are both empty unless the group is stable. */
  readonly members: readonly {
    readonly memberId: string
    readonly instanceId: string | null
    readonly clientId: string
    /** The address it comes from, as the broker sees it. */
    readonly host: string
    readonly metadata: Buffer
    readonly assignment: Buffer
  }[]
}

/** One connection to a cluster under one client id. Every request rejects with a {@link KafkaError}. */
export interface Client {
  readonly clientId: string
  /**
   * Connects to any of the configured brokers, trying all of them again as often as `retry.retries` says; then rejects
   * with `KCP_BROKER_UNREACHABLE` naming every address and reason.
   * One that was made with a {@link ClusterView} begins with the leaders of the topics in it, on the sockets for Fetches.
   */
  connect(): Promise<void>
  /** Closes every socket at once; pending and later requests reject with type `CLOSED`. Idempotent. */
  close(): void
  /** What has arrived of answers that are not complete, in bytes; 0 when none is arriving. */
  readonly arrivingBytes: number
  /** True when the broker speaks the versions that carry a `group.instance.id` (JoinGroup v5, OffsetCommit v7, …). */
  readonly supportsStaticMembership: boolean
  /** Fresh metadata from a broker, never from a cache, in the order asked for. Topics are never auto-created. */
  topics(names: readonly string[]): Promise<TopicMetadata[]>
  /** What this connection has last heard of the brokers and of those of the topics that it has heard of. */
  view(topics: readonly string[]): ClusterView
  /** Takes over what another connection has heard. */
  learn(view: ClusterView): void
  /** Node id of the group's coordinator. */
  findCoordinator(groupId: string): Promise<number>
  joinGroup(node: number, request: JoinRequest): Promise<JoinResult>
  /**
   * @param holdMs how long the coordinator may wait for the leader's
   * @returns the member's assignment, as the leader wrote it; empty when it got none
   */
  syncGroup(
    node: number,
    member: Membership,
    assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[],
    holdMs: number,
  ): Promise<Buffer>
  heartbeat(node: number, member: Membership): Promise<void>
  leaveGroup(node: number, member: Omit<Membership, 'generation'>): Promise<void>
  /** Rejects with `UNSUPPORTED_VERSION` before Kafka 2.4, whose answer names no instance ids. */
  describeGroup(node: number, groupId: string): Promise<GroupDescription>
  /**
   * Resolves with the partitions that were refused and why (the request itself may succeed for the others). Rejects when
   * the node is not the group's coordinator.
   */
  commitOffsets(
    node: number,
    member: Membership,
    offsets: readonly TopicPartitionOffset[],
  ): Promise<readonly (TopicPartition & { readonly error: KafkaError })[]>
  /** Committed offsets; -1n where the group has none. */
  committedOffsets(
    node: number,
    groupId: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly TopicPartitionOffset[]>
  /** Start (`earliest`) or end (`latest`) offset of each partition, asked of its leader. */
  listOffsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest',
    isolation: { readonly readUncommitted: boolean },
  ): Promise<readonly TopicPartitionOffset[]>
  /** Where leader epochs end in the leader's log (KIP-320); null when the broker is too old to say. */
  endsOfEpochs(node: number, questions: readonly EpochQuestion[]): Promise<readonly EpochEnd[] | null>
  /** A broker's own configuration values, by name (used to say which session timeouts it allows). */
  brokerConfig(node: number, names: readonly string[]): Promise<Readonly<Record<string, string>>>
  /** One Fetch to one node. A partition that cannot be decoded fails alone. */
  fetch(node: number, request: FetchRequest): Promise<readonly FetchedPartition[]>
}

/** What to do about a broker that is silent. */
export interface Lateness {
  /** For how long nothing has come since the broker should have answered, in ms. Its quiet (KIP-219) does not count. */
  readonly afterMs: number
  /** Called once. The answer may come still. */
  readonly tell: () => void
}

export interface FetchRequest {
  readonly maxWaitMs: number
  readonly minBytes: number
  readonly maxBytes: number
  /**
   * What an answer may bring on any account: less than that is asked for now and then, and a first batch comes all the same.
   *
   * @default maxBytes
   */
  readonly limitBytes?: number
  readonly late?: Lateness
  /** How large one batch may become when it is decompressed. */
  readonly maxDecompressedBytes: number
  readonly readUncommitted: boolean
  readonly rackId: string | null
  /**
   * How much memory the messages may take: where it is used up, decoding ends behind the batch that did it.
   *
   * @default no limit
   */
  readonly roomBytes?: number
  /**
   * The order matters: a broker fills its answer in this order, and only of the first one that has anything it sends a
   * batch that is larger than `maxBytes` (KIP-74).
   */
  readonly partitions: readonly {
    readonly topic: string
    readonly partition: number
    readonly offset: number
    readonly maxBytes: number
    /** Epoch of the leader as it is known here: a broker that knows another one refuses. @default NO_EPOCH, no check */
    readonly currentLeaderEpoch?: number
  }[]
}

export interface FetchedPartition extends TopicPartition {
  /** Kafka's error name, or null. */
  readonly error: string | null
  /** Where what may be read ends: the high watermark, or the last stable offset when only what is committed is read. */
  readonly end: number
  readonly logStartOffset: number
  /** Node to fetch from instead (KIP-392), or -1. */
  readonly preferredReadReplica: number
  /** What was read, or null when nothing new came. */
  readonly batch: MessageBatch | null
  /** The first batch, when a part of it is all that came: the broker sent no more than it was asked for, against KIP-74. */
  readonly cutOff: CutOffBatch | null
  /** Why the records at the fetch offset cannot be decoded (`KCP_CODEC_MISSING`, `KCP_BATCH_TOO_LARGE`, `KCP_BATCH_UNDECODABLE`). */
  readonly undecodable: Error | null
}

/** A batch of which the end is missing. */
export interface CutOffBatch {
  /** How much would have had to come, as its own header says. */
  readonly batchBytes: number
  /** How much came. */
  readonly cameBytes: number
}

/** Messages of one partition, in order. Aborted and control records are left out already. */
export interface MessageBatch {
  readonly messages: readonly Message[]
  /** `offsets[i]` is the offset of `messages[i]`, as a number. */
  readonly offsets: readonly number[]
  /** Where to fetch next: after the last record that was read, shown or not. */
  readonly nextOffset: number
  /** Memory that the batch keeps alive, in bytes: what was received or decompressed, and the messages as objects. */
  readonly bytes: number
  /** What of the answer was read for it, in bytes. */
  readonly receivedBytes: number
  /** The largest record batch that was read for it, in bytes as it was received. */
  readonly largestBytes: number
  /** Under which leader its last record was written. @default NO_EPOCH */
  readonly leaderEpoch?: number
}

/**
 * A message as a handler gets it. The fields are KafkaJS's, plus `topic` and `partition`.
 *
 * They are decoded when they are read, and are no properties of the object itself: `{ ...message }`, a rest pattern and
 * `Object.assign` copy none of them, and `structuredClone` and `postMessage` refuse a message. **Use `toJSON()` for a
 * plain copy.** (That the fields are accessors of a class, and not properties of an interface, makes the compiler know
 * it of spread and rest; what they made throws when it is written as JSON.) Each read of `key`, `value` or `headers`
 * makes a new object. Assigning works, for this object and this attempt: a retry sees the message as it was fetched.
 *
 * Buffers stay valid for as long as you hold them (they keep the fetched bytes around them alive: copy what you keep
 * for long).
 */
export declare abstract class Message {
  get topic(): string
  set topic(topic: string)
  get partition(): number
  set partition(partition: number)
  get offset(): string
  set offset(offset: string)
  /** Milliseconds since the epoch, as a string. */
  get timestamp(): string
  set timestamp(timestamp: string)
  get attributes(): number
  set attributes(attributes: number)
  get key(): Buffer | null
  set key(key: Buffer | null)
  get value(): Buffer | null
  set value(value: Buffer | null)
  /** A name that came more than once has an array of its values, in order. The object has no prototype. */
  get headers(): MessageHeaders
  set headers(headers: MessageHeaders)
  toJSON(): PlainMessage
}

export type MessageHeaders = Readonly<Record<string, Buffer | null | readonly (Buffer | null)[]>>

/** The fields of a {@link Message} as properties of an object. */
export type PlainMessage = { [Field in Exclude<keyof Message, 'toJSON'>]: Message[Field] }
