import { NO_EPOCH, type TopicPartition } from '#src/kafka/metadata.js'
import type { RawMessage } from '#src/kafka/raw-message.js'
import { rawMessage } from '#src/kafka/records/raw-records.js'
import { brokers } from './clients.js'
import { rawClient } from './raw-client.js'

/* Records as bytes: what KafkaJS's own producer cannot write (null header values, headers in turns). */

/** A part of a message for a test: text stands for its bytes. */
type Part = string | Uint8Array | null

export interface TestMessage {
  readonly key?: Part
  readonly value?: Part
  readonly headers?: readonly (readonly [string, Part])[]
  readonly timestamp?: bigint
}

const bytes = (part: Part | undefined): Uint8Array<ArrayBuffer> | null =>
  part === undefined || part === null ? null : new Uint8Array(Buffer.from(part as string))

export const rawOf = ({ key, value, headers = [], timestamp = BigInt(Date.now()) }: TestMessage): RawMessage => ({
  key: bytes(key),
  value: bytes(value),
  headers: headers.map(([name, content]) => [new Uint8Array(Buffer.from(name)), bytes(content)] as const),
  timestamp,
})

/** Writes these messages one after the other. */
export const produceRaw = async (
  where: TopicPartition,
  messages: readonly TestMessage[],
  addresses: readonly string[] = brokers(),
): Promise<void> => {
  const client = await rawClient(addresses)
  const [topic] = await client.topics([where.topic])
  const { leader } = topic?.partitions.find(({ partition }) => partition === where.partition) ?? { leader: NO_EPOCH }
  for (const message of messages) await client.produce(leader, where, [rawOf(message)])
}

/** A record as it stands in the log. */
export interface StoredRecord {
  readonly offset: string
  readonly raw: RawMessage
  /** Names and values of its headers as text; null stays null. */
  readonly headers: readonly (readonly [string, string | null])[]
  /** Those whose name begins with `kcp-dlq-`, without that. */
  readonly letter: Readonly<Record<string, string>>
}

const text = (part: Uint8Array | null): string | null => (part === null ? null : Buffer.from(part).toString())

const PREFIX = 'kcp-dlq-'

/** Everything that a partition holds now, decoded by the thread's own decoder. */
export const recordsIn = async (
  { topic, partition }: TopicPartition,
  addresses: readonly string[] = brokers(),
): Promise<StoredRecord[]> => {
  const client = await rawClient(addresses)
  const [found] = await client.topics([topic])
  const leader = found?.partitions.find((each) => each.partition === partition)?.leader
  if (leader === undefined) return []
  const [last] = await client.listOffsets([{ topic, partition }], 'latest', { readUncommitted: true })
  const [first] = await client.listOffsets([{ topic, partition }], 'earliest', { readUncommitted: true })
  const stored: StoredRecord[] = []
  let offset = Number(first?.offset ?? 0)
  while (offset < Number(last?.offset ?? 0)) {
    const [answer] = await client.fetch(leader, {
      ...{ maxWaitMs: 100, minBytes: 1, maxBytes: 10_485_760, maxDecompressedBytes: 67_108_864 },
      ...{ readUncommitted: true, rackId: null },
      partitions: [{ topic, partition, offset, maxBytes: 10_485_760 }],
    })
    for (const message of answer?.batch?.messages ?? []) {
      const raw = rawMessage(message)
      const headers = raw.headers.map(([name, value]) => [text(name) ?? '', text(value)] as const)
      const letter = headers.flatMap(([name, value]) =>
        name.startsWith(PREFIX) ? [[name.slice(PREFIX.length), value ?? '']] : [],
      )
      stored.push({ offset: message.offset, raw, headers, letter: Object.fromEntries(letter) })
    }
    offset = answer?.batch?.nextOffset ?? offset
  }
  return stored
}
