import { createRequire } from 'node:module'
import { AssignerProtocol, type ISocketFactory } from 'kafkajs'
import { until } from './until.js'

/*
 * What the group coordinator itself has written down. Kafka's describe requests do not tell a classic group's
 * generation; the coordinator's log has a record for every generation that the group ever had.
 * Format: Kafka's GroupMetadataKey.json (version 2) and GroupMetadataValue.json (versions 0 to 3). So it has a record for every
 * commit (OffsetCommitKey.json, versions 0 and 1; OffsetCommitValue.json begins with the offset in all its versions).
 */

export interface LoggedMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  /** Topic to partitions, sorted. */
  readonly assignment: Readonly<Record<string, readonly number[]>>
}

export interface LoggedGeneration {
  readonly groupId: string
  readonly generation: number
  readonly protocol: string | null
  readonly leader: string | null
  readonly members: readonly LoggedMember[]
}

/** A commit, or (`offset` is null) its removal. */
export interface LoggedCommit {
  readonly groupId: string
  readonly topic: string
  readonly partition: number
  readonly offset: number | null
  /** When the coordinator wrote it: milliseconds since the epoch, by the broker's clock. */
  readonly atEpochMs: number
}

/** Where the coordinator keeps a group. */
export interface GroupPlace {
  readonly topic: string
  readonly partition: number
  /** Node that leads it; -1 for nobody. */
  readonly leader: number
}

interface LogRecord {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
}

interface InternalBroker {
  fetch(request: object): Promise<{
    responses: { partitions: { errorCode: number; highWatermark: string; messages: LogRecord[] }[] }[]
  }>
}

interface InternalCluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  refreshMetadata(): Promise<void>
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[]
  findBroker(node: { nodeId: string }): Promise<InternalBroker>
}

const require = createRequire(import.meta.url)
const Cluster = require('kafkajs/src/cluster') as new (options: object) => InternalCluster
const { createLogger, LEVELS } = require('kafkajs/src/loggers') as {
  createLogger(options: object): object
  LEVELS: { NOTHING: number }
}
const defaultSockets = require('kafkajs/src/network/socketFactory') as () => ISocketFactory

const TOPIC = '__consumer_offsets'
const GROUP_KEY = 2
const COMMIT_KEYS = [0, 1]
const NOBODY = -1
/** While a partition of the log has no leader, or another one than a moment ago. */
const PATIENCE_MS = 60_000

/** Big-endian reader of Kafka's older, not flexible formats. */
class Reader {
  #at = 0
  readonly #buffer: Buffer

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  int16(): number {
    this.#at += 2
    return this.#buffer.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#buffer.readInt32BE(this.#at - 4)
  }

  int64(): number {
    this.#at += 8
    return Number(this.#buffer.readBigInt64BE(this.#at - 8))
  }

  skip(bytes: number): void {
    this.#at += bytes
  }

  bytes(): Buffer {
    const length = this.int32()
    this.#at += length
    return this.#buffer.subarray(this.#at - length, this.#at)
  }

  text(): string | null {
    const length = this.int16()
    if (length < 0) return null
    this.#at += length
    return this.#buffer.toString('utf8', this.#at - length, this.#at)
  }
}

/** The partitions in a member's assignment as it goes over the wire; none for an empty one. */
export const decodeAssignment = (bytes: Buffer): Record<string, number[]> => {
  if (bytes.length === 0) return {}
  const entries = Object.entries(AssignerProtocol.MemberAssignment.decode(bytes)?.assignment ?? {})
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([topic, list]) => [topic, [...list].sort((a, b) => a - b)]),
  )
}

/** What a record of the coordinator's log is about, by its key; null for what is of no interest here. */
const subjectOf = (key: Buffer | null): Subject | null => {
  if (key === null) return null
  const reader = new Reader(key)
  const version = reader.int16()
  const groupId = reader.text() ?? ''
  if (version === GROUP_KEY) return { groupId, commit: null }
  if (!COMMIT_KEYS.includes(version)) return null
  return { groupId, commit: { topic: reader.text() ?? '', partition: reader.int32() } }
}

const decodeCommit = ({ groupId, commit, value, atEpochMs }: GroupRecord): LoggedCommit[] => {
  if (commit === null) return []
  if (value === null) return [{ groupId, ...commit, offset: null, atEpochMs }]
  const reader = new Reader(value)
  reader.int16()
  return [{ groupId, ...commit, offset: reader.int64(), atEpochMs }]
}

const decodeGeneration = ({ groupId, commit, value }: GroupRecord): LoggedGeneration[] => {
  if (commit !== null || value === null) return []
  const reader = new Reader(value)
  const version = reader.int16()
  if (version > 3) throw new Error(`Group metadata of version ${version} is not known to this reader`)
  reader.text()
  const generation = reader.int32()
  const protocol = reader.text()
  const leader = reader.text()
  if (version >= 2) reader.skip(8)
  const members = Array.from({ length: reader.int32() }, (): LoggedMember => {
    const memberId = reader.text() ?? ''
    const groupInstanceId = version >= 3 ? reader.text() : null
    const clientId = reader.text() ?? ''
    reader.text()
    reader.skip(version >= 1 ? 8 : 4)
    reader.bytes()
    return { memberId, groupInstanceId, clientId, assignment: decodeAssignment(reader.bytes()) }
  })
  return [{ groupId, generation, protocol, leader, members }]
}

/** Where Kafka keeps a group: the absolute value of Java's `String.hashCode` (GroupCoordinatorService.partitionFor). */
const partitionOf = (groupId: string, partitions: number): number => {
  let hash = 0
  for (let at = 0; at < groupId.length; at++) hash = (Math.imul(hash, 31) + groupId.charCodeAt(at)) | 0
  return hash === -(2 ** 31) ? 0 : Math.abs(hash) % partitions
}

/** Decoded only for whoever asks for its group: what other tests let their members write need not be an assignment. */
interface Subject {
  readonly groupId: string
  /** Null for the group's members. */
  readonly commit: { readonly topic: string; readonly partition: number } | null
}

interface GroupRecord extends Subject {
  readonly value: Buffer | null
  readonly atEpochMs: number
}

interface Tail {
  nextOffset: bigint
  readonly records: GroupRecord[]
}

const readOn = async (tail: Tail, from: InternalBroker, partition: number): Promise<void> => {
  for (;;) {
    const { responses } = await from.fetch({
      maxWaitTime: 10,
      minBytes: 1,
      maxBytes: 4 << 20,
      isolationLevel: 0,
      topics: [
        { topic: TOPIC, partitions: [{ partition, fetchOffset: tail.nextOffset.toString(), maxBytes: 4 << 20 }] },
      ],
    })
    const answer = responses[0]?.partitions[0]
    if (answer === undefined || answer.messages.length === 0) return
    for (const { offset, timestamp, key, value } of answer.messages) {
      if (BigInt(offset) < tail.nextOffset) continue
      tail.nextOffset = BigInt(offset) + 1n
      const subject = subjectOf(key)
      if (subject !== null) tail.records.push({ ...subject, value, atEpochMs: Number(timestamp) })
    }
    if (tail.nextOffset >= BigInt(answer.highWatermark)) return
  }
}

const connect = async (brokers: readonly string[], socketFactory: ISocketFactory): Promise<InternalCluster> => {
  const cluster = new Cluster({
    brokers: () => brokers,
    clientId: 'group-log',
    logger: createLogger({ level: LEVELS.NOTHING, logCreator: () => () => undefined }),
    socketFactory,
    connectionTimeout: 5000,
    metadataMaxAge: 1000,
    allowAutoTopicCreation: false,
    retry: { retries: 10, initialRetryTime: 50, maxRetryTime: 1000 },
  })
  await cluster.connect()
  await cluster.addTargetTopic(TOPIC)
  return cluster
}

/** Reads the coordinators' log, each time from where it was left. */
export class GroupLog {
  readonly #brokers: readonly string[]
  readonly #sockets: ISocketFactory
  readonly #tails = new Map<number, Tail>()
  #cluster: Promise<InternalCluster> | undefined

  /** @param sockets opens connections by other ways than the brokers name */
  constructor(brokers: readonly string[], sockets: ISocketFactory = defaultSockets()) {
    this.#brokers = brokers
    this.#sockets = sockets
  }

  /**
   * Every generation that the coordinator has recorded for a group, oldest first. A static member that came back within
   * its session repeats the generation with its new member id; a group that everybody left has one without members.
   */
  async history(groupId: string): Promise<LoggedGeneration[]> {
    return (await this.#records(groupId)).flatMap(decodeGeneration)
  }

  /** Every commit that the coordinator has recorded for a group, in the order of its log. */
  async commits(groupId: string): Promise<LoggedCommit[]> {
    return (await this.#records(groupId)).flatMap(decodeCommit)
  }

  /** The partition of the log that holds a group, and the node that leads it: the group's coordinator. */
  async placeOf(groupId: string): Promise<GroupPlace> {
    const cluster = await this.#connected()
    await cluster.refreshMetadata()
    return { topic: TOPIC, ...this.#placeOf(cluster, groupId) }
  }

  async close(): Promise<void> {
    await (await this.#cluster)?.disconnect()
  }

  #connected(): Promise<InternalCluster> {
    this.#cluster ??= connect(this.#brokers, this.#sockets)
    return this.#cluster
  }

  #placeOf(cluster: InternalCluster, groupId: string): Omit<GroupPlace, 'topic'> {
    const metadata = cluster.findTopicPartitionMetadata(TOPIC)
    const partition = partitionOf(groupId, metadata.length)
    return { partition, leader: metadata.find(({ partitionId }) => partitionId === partition)?.leader ?? NOBODY }
  }

  async #records(groupId: string): Promise<GroupRecord[]> {
    const cluster = await this.#connected()
    let last: unknown
    const read = async (): Promise<GroupRecord[] | null> => {
      try {
        return await this.#read(cluster, groupId)
      } catch (error) {
        last = error
        await cluster.refreshMetadata().catch(() => undefined)
        return null
      }
    }
    return until(read, { what: `the log of the group ${groupId}`, deadlineMs: PATIENCE_MS, evidence: () => `${last}` })
  }

  async #read(cluster: InternalCluster, groupId: string): Promise<GroupRecord[]> {
    const { partition, leader } = this.#placeOf(cluster, groupId)
    const tail = this.#tails.get(partition) ?? { nextOffset: 0n, records: [] }
    this.#tails.set(partition, tail)
    await readOn(tail, await cluster.findBroker({ nodeId: String(leader) }), partition)
    return tail.records.filter((record) => record.groupId === groupId)
  }
}
