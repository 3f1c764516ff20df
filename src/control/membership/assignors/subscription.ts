import { ErrorCode, PoolError } from '../../../errors.js'
import type { TopicPartition } from '../../../kafka/metadata.js'
import { comparePartitions, compareText } from './order.js'
import { WireReader, WireWriter } from './wire.js'

/*
 * The bytes that members of a group exchange through the coordinator (Java: `ConsumerProtocol`; the coordinator does
 * not look inside). Fields were only ever appended, so a reader takes what it knows and leaves the rest:
 *
 *   Subscription: version, [topic], userData | v1 (KIP-429): [topic, [partition]] owned
 *                                            | v2 (KIP-792): generation | v3 (KIP-881): rack
 *   Assignment:   version, [topic, [partition]], userData
 */

/** What we write: the newest version of both layouts, that of Java 3.5 to 4.3. Older Java, librdkafka and KafkaJS read it. */
const VERSION = 3

/** So many lists of topics are known again; more are compared for longer than they are read. */
const KNOWN_LISTS = 8

/** What a member tells the leader when it joins. */
export interface Subscription {
  readonly topics: readonly string[]
  /** Bytes of the assignor's own. Java's range and roundrobin write null, KafkaJS writes none (length 0). */
  readonly userData: Buffer | null
  /** Partitions that the member still holds; none with an eager protocol. */
  readonly owned: readonly TopicPartition[]
  /** Generation in which it got `owned`; -1 when it has none. */
  readonly generation: number
  /** `client.rack`, or null. */
  readonly rackId: string | null
}

/** What is left out is written as null, none or -1, as an eager Java member that was in no generation yet does. */
export const encodeSubscription = (
  subscription: Pick<Subscription, 'topics'> & Partial<Omit<Subscription, 'topics'>>,
): Buffer => {
  const { topics, userData = null, owned = [], generation = -1, rackId = null } = subscription
  const writer = new WireWriter().int16(VERSION)
  // Sorted as Java sorts them: the coordinator rebalances when a member rejoins with any other byte.
  writer.array([...new Set(topics)].sort(compareText), (topic) => writer.string(topic))
  writer.bytes(userData)
  writePartitions(writer, owned)
  return writer.int32(generation).string(rackId).finish()
}

/** Lists of topics that were read last: most members of a group have the same, and a large group has many. */
export class TopicLists {
  readonly #known: { readonly bytes: Buffer; readonly topics: readonly string[] }[] = []

  /** @param bytes that the reader reads */
  next(reader: WireReader, bytes: Buffer): readonly string[] {
    const known = this.#known.find((list) => reader.passes(list.bytes))
    if (known !== undefined) return known.topics
    const from = reader.at
    const topics = reader.array(() => reader.string())
    if (this.#known.length < KNOWN_LISTS) this.#known.push({ bytes: bytes.subarray(from, reader.at), topics })
    return topics
  }
}

/**
 * Reads the subscription of any client: a newer version by the fields we know, and a field that the version promises
 * but the writer left out as absent.
 *
 * @param lists that other members of the group have @default none
 * @throws {@link PoolError} `KCP_PROTOCOL_REFUSED` when the bytes are no subscription
 */
export const decodeSubscription = (bytes: Buffer, lists = new TopicLists()): Subscription =>
  refusingGarbage(bytes, 'the subscription of a member of the group', (reader) => {
    const version = readVersion(reader)
    const has = (since: number): boolean => version >= since && reader.left > 0
    return {
      topics: lists.next(reader, bytes),
      userData: has(0) ? reader.nullableBytes() : null,
      owned: has(1) ? readPartitions(reader) : [],
      generation: has(2) ? reader.int32() : -1,
      // librdkafka writes '' for none.
      rackId: (has(3) ? reader.nullableString() : null) || null,
    }
  })

/** The assignment of one member, with no user data. */
export const encodeAssignment = (partitions: readonly TopicPartition[]): Buffer => {
  const writer = new WireWriter().int16(VERSION)
  writePartitions(writer, partitions)
  return writer.bytes(null).finish()
}

/**
 * Reads the assignment that any leader wrote. No bytes at all mean no partitions: that is what a member gets whom the
 * leader left out, as KafkaJS does when there are fewer partitions than members. No known assignor of consumers puts
 * user data into an assignment; it is passed over.
 *
 * @param author who wrote it, for the error
 * @returns sorted by topic and partition
 * @throws {@link PoolError} `KCP_PROTOCOL_REFUSED` when the bytes are no assignment
 */
export const decodeAssignment = (bytes: Buffer, author = 'the leader of the group'): TopicPartition[] => {
  if (bytes.length === 0) return []
  return refusingGarbage(bytes, `the assignment from ${author}`, (reader) => {
    readVersion(reader)
    return readPartitions(reader).sort(comparePartitions)
  })
}

const writePartitions = (writer: WireWriter, partitions: readonly TopicPartition[]): void => {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of [...partitions].sort(comparePartitions)) {
    const ofTopic = byTopic.get(topic)
    if (ofTopic === undefined) byTopic.set(topic, [partition])
    else ofTopic.push(partition)
  }
  writer.array([...byTopic], ([topic, ofTopic]) => {
    writer.string(topic).array(ofTopic, (partition) => writer.int32(partition))
  })
}

/** Throws a `RangeError` at garbage, as its reader does. */
export const readPartitions = (reader: WireReader): TopicPartition[] =>
  reader
    .array(() => {
      const topic = reader.string()
      return reader.array(() => ({ topic, partition: readPartition(reader) }))
    })
    .flat()

const readPartition = (reader: WireReader): number => {
  const partition = reader.int32()
  if (partition < 0) throw new RangeError(`expected the number of a partition, got ${partition}`)
  return partition
}

const readVersion = (reader: WireReader): number => {
  const version = reader.int16()
  if (version < 0) throw new RangeError(`expected a version of 0 or more, got ${version}`)
  return version
}

const refusingGarbage = <T>(bytes: Buffer, what: string, read: (reader: WireReader) => T): T => {
  try {
    return read(new WireReader(bytes))
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new PoolError(
      ErrorCode.protocolRefused,
      `Cannot read ${what}: ${cause.message}. ` +
        'Every member of a consumer group must speak the consumer protocol; give other programs a group of their own.',
      { cause },
    )
  }
}
