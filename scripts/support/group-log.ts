import { createRequire } from 'node:module'
import { AssignerProtocol } from 'kafkajs'

/*
 * What the group coordinator itself has written down. Kafka's describe requests do not tell a classic group's
 * generation; the coordinator's log has a record for every generation that the group ever had.
 * Format: Kafka's GroupMetadataKey.json (version 2) and GroupMetadataValue.json (versions 0 to 3).
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

interface LogRecord {
  readonly offset: string
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
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[]
  findBroker(node: { nodeId: string }): Promise<InternalBroker>
}

const require = createRequire(import.meta.url)
const Cluster = require('kafkajs/src/cluster') as new (options: object) => InternalCluster
const { createLogger, LEVELS } = require('kafkajs/src/loggers') as {
  createLogger(options: object): object
  LEVELS: { NOTHING: number }
}
const socketFactory = require('kafkajs/src/network/socketFactory') as () => object

const TOPIC = '__consumer_offsets'
const GROUP_KEY = 2

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

/** The group whose metadata a record of the coordinator's log holds; null for anything else. */
const groupOf = (key: Buffer | null): string | null => {
  if (key === null) return null
  const reader = new Reader(key)
  return reader.int16() === GROUP_KEY ? reader.text() : null
}

const decodeGeneration = ({ groupId, value }: GroupRecord): LoggedGeneration => {
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
  return { groupId, generation, protocol, leader, members }
}

/** Where Kafka keeps a group: the absolute value of Java's `String.hashCode` (GroupCoordinatorService.partitionFor). */
const partitionOf = (groupId: string, partitions: number): number => {
  let hash = 0
  for (let at = 0; at < groupId.length; at++) hash = (Math.imul(hash, 31) + groupId.charCodeAt(at)) | 0
  return hash === -(2 ** 31) ? 0 : Math.abs(hash) % partitions
}

/** Decoded only for whoever asks for its group: what other tests let their members write need not be an assignment. */
interface GroupRecord {
  readonly groupId: string
  readonly value: Buffer
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
    for (const { offset, key, value } of answer.messages) {
      if (BigInt(offset) < tail.nextOffset) continue
      tail.nextOffset = BigInt(offset) + 1n
      const groupId = groupOf(key)
      if (groupId !== null && value !== null) tail.records.push({ groupId, value })
    }
    if (tail.nextOffset >= BigInt(answer.highWatermark)) return
  }
}

const connect = async (brokers: readonly string[]): Promise<InternalCluster> => {
  const cluster = new Cluster({
    brokers: () => brokers,
    clientId: 'group-log',
    logger: createLogger({ level: LEVELS.NOTHING, logCreator: () => () => undefined }),
    socketFactory: socketFactory(),
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
  readonly #tails = new Map<number, Tail>()
  #cluster: Promise<InternalCluster> | undefined

  constructor(brokers: readonly string[]) {
    this.#brokers = brokers
  }

  /**
   * Every generation that the coordinator has recorded for a group, oldest first. A static member that came back within
   * its session repeats the generation with its new member id; a group that everybody left has one without members.
   */
  async history(groupId: string): Promise<LoggedGeneration[]> {
    this.#cluster ??= connect(this.#brokers)
    const cluster = await this.#cluster
    const metadata = cluster.findTopicPartitionMetadata(TOPIC)
    const partition = partitionOf(groupId, metadata.length)
    const leader = metadata.find(({ partitionId }) => partitionId === partition)?.leader
    if (leader === undefined) return []
    const tail = this.#tails.get(partition) ?? { nextOffset: 0n, records: [] }
    this.#tails.set(partition, tail)
    await readOn(tail, await cluster.findBroker({ nodeId: String(leader) }), partition)
    return tail.records.filter((record) => record.groupId === groupId).map(decodeGeneration)
  }

  async close(): Promise<void> {
    await (await this.#cluster)?.disconnect()
  }
}
