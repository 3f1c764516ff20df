import type { KafkaConfig } from '../config/resolved.js'
import { type Address, formatAddress, parseAddress } from './brokers/address.js'
import { refuseForeignBroker, speaksStaticMembership } from './brokers/api-versions.js'
import type { BrokerConnectionSettings } from './brokers/broker-connection.js'
import { Brokers } from './brokers/brokers.js'
import { openSocket, type SocketFactory } from './brokers/open-socket.js'
import { reachCluster } from './brokers/reach-cluster.js'
import { loadSasl } from './brokers/sasl.js'
import type { Client } from './client.js'
import { closedError, connectionError } from './errors.js'
import type { FetchedPartition, FetchRequest } from './fetch.js'
import type { GroupDescription, JoinRequest, JoinResult, Membership } from './group.js'
import type { KafkaError } from './kafka-error.js'
import { verifyKafkajs } from './kafkajs/kafkajs.js'
import { createLogBridge } from './kafkajs/log-bridge.js'
import type { ImportLimit } from './load-module.js'
import type { Logger } from './logger.js'
import type { ClusterView, TopicMetadata, TopicPartition } from './metadata.js'
import type { EpochEnd, EpochQuestion, LogPlace, TopicPartitionOffset } from './offsets.js'
import { leadersOf } from './partition-leaders.js'
import type { RawMessage } from './raw-message.js'
import { type Codecs, loadCodecs } from './records/codecs.js'
import { encodeBatch } from './records/record-writer.js'
import { deleteRecords } from './requests/delete-records-request.js'
import { describeGroup } from './requests/describe-group.js'
import { endsOfEpochs } from './requests/epoch-requests.js'
import { fetch } from './requests/fetch-request.js'
import { heartbeat, joinGroup, leaveGroup, syncGroup } from './requests/group-requests.js'
import { askBrokerConfig, askCoordinator, askMetadata, describeTopics } from './requests/metadata-requests.js'
import { commitOffsets, committedOffsets, listOffsets } from './requests/offset-requests.js'
import { produce } from './requests/produce-request.js'

export interface ClientOptions {
  /** Sent with every request. */
  readonly clientId: string
  readonly kafka: KafkaConfig
  readonly log: Logger
  /** How long a module of `codecs` or `sasl` may take to load. @default 60 s */
  readonly loadTimeoutMs?: number
  /** What another client knew of the cluster, to begin with. */
  readonly view?: ClusterView
  /** @default a socket of the operating system */
  readonly openSocket?: SocketFactory
}

class KafkaClient implements Client {
  readonly clientId: string
  readonly #kafka: KafkaConfig
  readonly #log: Logger
  readonly #brokers: Brokers
  readonly #openSocket: SocketFactory
  readonly #abort = new AbortController()
  readonly #importLimit: ImportLimit
  /** By name, as last heard. */
  readonly #topics = new Map<string, TopicMetadata>()
  /** Where to connect first, once. */
  #guess: ClusterView | null
  #settings: Promise<BrokerConnectionSettings> | null = null
  #codecs: Promise<Codecs> | null = null
  #connecting: Promise<void> | null = null
  #saidUnreachable = false
  #static = false

  constructor(options: ClientOptions) {
    const { clientId, kafka, log, view, loadTimeoutMs, openSocket: open = openSocket } = options
    this.clientId = clientId
    const { signal } = this.#abort
    this.#importLimit = loadTimeoutMs === undefined ? { signal } : { signal, timeoutMs: loadTimeoutMs }
    this.#openSocket = open
    this.#kafka = kafka
    this.#log = log
    this.#guess = view ?? null
    this.#brokers = new Brokers(kafka.brokers.map(parseAddress), () => this.#loadSettings(), kafka.connectionTimeout)
  }

  get supportsStaticMembership(): boolean {
    return this.#static
  }

  get arrivingBytes(): number {
    return this.#brokers.arrivingBytes
  }

  connect(): Promise<void> {
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null
    })
    return this.#connecting
  }

  close(): void {
    this.#abort.abort()
    this.#brokers.close()
  }

  topics(names: readonly string[], limit: { readonly atMostMs?: number } = {}): Promise<TopicMetadata[]> {
    return this.#askTopics(names, limit)
  }

  async topicNames(limit: { readonly atMostMs?: number } = {}): Promise<readonly string[]> {
    const { topicMetadata } = await this.#brokers.ask((any) => askMetadata(any, null, limit))
    return topicMetadata.map(({ topic }) => topic)
  }

  view(names: readonly string[]): ClusterView {
    const topics = names.map((name) => this.#topics.get(name)).filter((topic) => topic !== undefined)
    return { brokers: this.#brokers.known, topics }
  }

  learn({ brokers, topics }: ClusterView): void {
    this.#brokers.learn(brokers)
    for (const topic of topics) this.#topics.set(topic.topic, topic)
  }

  async findCoordinator(groupId: string, limit: { readonly atMostMs?: number } = {}): Promise<number> {
    const { nodeId, ...address } = await this.#brokers.ask((any) => askCoordinator(any, groupId, limit))
    this.#brokers.learnOne(nodeId, address)
    return nodeId
  }

  async joinGroup(node: number, request: JoinRequest): Promise<JoinResult> {
    return joinGroup(await this.#brokers.to(node), request)
  }

  async syncGroup(
    node: number,
    member: Membership,
    assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[],
    holdMs: number,
  ): Promise<Buffer> {
    return syncGroup(await this.#brokers.to(node), member, assignments, holdMs)
  }

  async heartbeat(node: number, member: Membership): Promise<void> {
    return heartbeat(await this.#brokers.to(node), member)
  }

  async leaveGroup(node: number, member: Omit<Membership, 'generation'>): Promise<void> {
    return leaveGroup(await this.#brokers.to(node), member)
  }

  async describeGroup(node: number, groupId: string): Promise<GroupDescription> {
    return describeGroup(await this.#brokers.to(node), groupId)
  }

  async commitOffsets(
    node: number,
    member: Membership,
    offsets: readonly TopicPartitionOffset[],
    limit: { readonly atMostMs?: number } = {},
  ): Promise<readonly (TopicPartition & { readonly error: KafkaError })[]> {
    return commitOffsets(await this.#brokers.to(node), member, offsets, limit)
  }

  async committedOffsets(
    node: number,
    groupId: string,
    partitions: readonly TopicPartition[],
    limit: { readonly atMostMs?: number } = {},
  ): Promise<readonly TopicPartitionOffset[]> {
    return committedOffsets(await this.#brokers.to(node), groupId, partitions, limit)
  }

  async listOffsets(
    partitions: readonly TopicPartition[],
    at: LogPlace,
    how: { readonly readUncommitted: boolean; readonly atMostMs?: number },
  ): Promise<readonly TopicPartitionOffset[]> {
    const topics = await this.#askTopics([...new Set(partitions.map(({ topic }) => topic))], how)
    const ask = async ([node, led]: readonly [number, readonly TopicPartition[]]) =>
      listOffsets(await this.#brokers.to(node), led, at, how)
    const offsets = await Promise.all([...leadersOf(partitions, topics)].map(ask))
    return offsets.flat()
  }

  async endsOfEpochs(node: number, questions: readonly EpochQuestion[]): Promise<readonly EpochEnd[] | null> {
    return endsOfEpochs(await this.#brokers.to(node), questions)
  }

  async brokerConfig(node: number, names: readonly string[]): Promise<Readonly<Record<string, string>>> {
    return askBrokerConfig(await this.#brokers.to(node), node, names)
  }

  async fetch(node: number, request: FetchRequest): Promise<readonly FetchedPartition[]> {
    const codecs = await this.#loadCodecs()
    return fetch(await this.#brokers.to(node, 'fetch'), request, codecs)
  }

  async produce(
    node: number,
    where: TopicPartition,
    messages: readonly RawMessage[],
    how: { readonly compress?: boolean } = {},
  ): Promise<bigint> {
    const batch = await encodeBatch(messages, how)
    return produce(await this.#brokers.to(node), where, batch, this.#kafka.requestTimeout)
  }

  async deleteRecords(offsets: readonly TopicPartitionOffset[]): Promise<void> {
    const topics = await this.#askTopics([...new Set(offsets.map(({ topic }) => topic))])
    const led = [...leadersOf(offsets, topics)] as [number, TopicPartitionOffset[]][]
    await Promise.all(
      led.map(async ([node, own]) => deleteRecords(await this.#brokers.to(node), own, this.#kafka.requestTimeout)),
    )
  }

  async #askTopics(
    names: readonly string[],
    { atMostMs }: { readonly atMostMs?: number } = {},
  ): Promise<TopicMetadata[]> {
    if (names.length === 0) return []
    const answer = await this.#brokers.ask((any) => askMetadata(any, names, { atMostMs }))
    this.#brokers.learn(answer.brokers)
    const topics = describeTopics(names, answer)
    for (const topic of topics) this.#topics.set(topic.topic, topic)
    return topics
  }

  async #connect(): Promise<void> {
    if (this.#brokers.isClosed) throw closedError()
    // Modules first: one that cannot be loaded has nothing to do with the brokers.
    await Promise.all([this.#loadCodecs(), this.#loadSettings()])
    if (await this.#reachLeaders()) return
    const { brokers, retry } = this.#kafka
    await reachCluster(brokers.map(parseAddress), {
      times: { retries: retry.retries, initialRetryMs: retry.initialRetryTime, maxRetryMs: retry.maxRetryTime },
      attempt: (address) => this.#introduce(address),
      onRetry: (reasons, pauseMs) => this.#sayUnreachable(reasons, pauseMs),
      signal: this.#abort.signal,
    })
  }

  /** Once: whoever waits for the brokers again and again says so himself. */
  #sayUnreachable(reasons: string, pauseMs: number): void {
    const message = 'no broker can be reached yet; trying again'
    if (!this.#saidUnreachable) this.#log.warn({ clientId: this.clientId, reasons, pauseMs }, message)
    this.#saidUnreachable = true
  }

  /** Resolves with whether one of the leaders is there whom somebody else knew; the others may follow. */
  async #reachLeaders(): Promise<boolean> {
    const view = this.#guess
    if (view === null) return false
    this.#guess = null
    this.#brokers.learn(view.brokers)
    const leaders = new Set(view.topics.flatMap(({ partitions }) => partitions.map(({ leader }) => leader)))
    const addresses = view.brokers.filter(({ nodeId }) => leaders.has(nodeId))
    return Promise.any(addresses.map(({ host, port }) => this.#brokers.open({ host, port }, 'fetch'))).then(
      () => true,
      () => false,
    )
  }

  /** Gets to know the cluster by way of one of its brokers. */
  async #introduce(address: Address): Promise<void> {
    const connection = await this.#brokers.open(address)
    refuseForeignBroker(connection.ranges, formatAddress(address))
    const timeoutMs = this.#kafka.connectionTimeout
    const { brokers } = await askMetadata(connection, [], { timeoutMs }).catch((error: KafkaError) => {
      if (error.type !== 'CONNECTION' || this.#kafka.sasl !== null) throw error
      throw connectionError(`${error.message} when it was asked for metadata (does the listener want SASL?)`, error)
    })
    this.#brokers.learn(brokers)
    this.#static = speaksStaticMembership(connection.ranges)
  }

  #loadCodecs(): Promise<Codecs> {
    this.#codecs ??= loadCodecs(this.#kafka.codecs, this.#importLimit)
    return this.#codecs
  }

  #loadSettings(): Promise<BrokerConnectionSettings> {
    this.#settings ??= (async () => ({
      clientId: this.clientId,
      ssl: this.#kafka.ssl,
      sasl: await loadSasl(this.#kafka.sasl, this.#importLimit),
      authenticationTimeoutMs: this.#kafka.authenticationTimeout,
      reauthenticationThresholdMs: this.#kafka.reauthenticationThreshold,
      requestTimeoutMs: this.#kafka.requestTimeout,
      log: this.#log,
      saslLogger: createLogBridge(this.#log, () => this.#brokers.isClosed),
      openSocket: this.#openSocket,
    }))()
    return this.#settings
  }
}

/**
 * A client that is not connected yet.
 *
 * @throws PoolError KCP_KAFKAJS_MISMATCH when another kafkajs is loaded than this package was written for
 */
export const createClient = (options: ClientOptions): Client => {
  verifyKafkajs()
  return new KafkaClient(options)
}
