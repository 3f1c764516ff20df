import { ErrorCode, PoolError } from '../../errors.js'
import type { Client } from '../../kafka/client.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import { NO_LEADER, type TopicMetadata, type TopicPartition } from '../../kafka/metadata.js'
import type { RawMessage } from '../../kafka/raw-message.js'
import { groupBy } from '../../util/group-by.js'
import { sleep } from '../../util/timers.js'
import { type Letter, replayOf, type Source } from './letter.js'

const MOST_MESSAGES = 200
/** Below any usual `max.message.bytes`, unless a single message is larger. */
const MOST_BYTES = 400_000
const TRIES = 6
const PAUSE_MS = 500

const bytesOf = ({ key, value, headers }: RawMessage): number =>
  [key, value, ...headers.flat()].reduce((sum, part) => sum + (part?.length ?? 0), 0)

/** In their order, in batches that a broker takes. */
export const batchesOf = (messages: readonly RawMessage[]): RawMessage[][] => {
  const batches: RawMessage[][] = []
  let bytes = 0
  for (const message of messages) {
    const last = batches.at(-1)
    bytes += bytesOf(message)
    if (last === undefined || last.length === MOST_MESSAGES || bytes > MOST_BYTES) {
      batches.push([message])
      bytes = bytesOf(message)
    } else last.push(message)
  }
  return batches
}

/** Where a message goes: to the partition that it had, or, where that is not there any more, to another one. */
export const targetOf = (source: Source, to: string, { partitions }: TopicMetadata): TopicPartition => {
  const isThere = partitions.some(({ partition }) => partition === source.partition)
  return { topic: to, partition: isThere ? source.partition : source.partition % Math.max(1, partitions.length) }
}

/** Writes messages back, each partition's in their order. */
export class Replayer {
  readonly #client: Client
  readonly #to: string | undefined
  readonly #topics = new Map<string, TopicMetadata>()

  /** @param to the topic for all of them; default: each its own */
  constructor(client: Client, to: string | undefined) {
    this.#client = client
    this.#to = to
  }

  topicOf({ topic }: Source): string {
    return this.#to ?? topic
  }

  /** @throws PoolError KCP_TOPIC_MISSING */
  async check(topic: string): Promise<void> {
    await this.#metadata(topic)
  }

  /** Resolves when all in-sync replicas have all of them. */
  async write(letters: readonly (Letter & { readonly source: Source })[]): Promise<void> {
    for (const [topic, own] of groupBy(letters, ({ source }) => this.topicOf(source))) {
      const metadata = await this.#metadata(topic)
      const byPartition = groupBy(own, ({ source }) => targetOf(source, topic, metadata).partition)
      for (const [partition, messages] of byPartition) {
        for (const batch of batchesOf(messages.map(replayOf))) await this.#append({ topic, partition }, batch)
      }
    }
  }

  async #append(where: TopicPartition, batch: readonly RawMessage[]): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        const { partitions } = await this.#metadata(where.topic)
        const leader = partitions.find(({ partition }) => partition === where.partition)?.leader ?? NO_LEADER
        await this.#client.produce(leader, where, batch)
        return
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable || tries === TRIES) throw error
        this.#topics.delete(where.topic)
        await sleep(PAUSE_MS)
      }
    }
  }

  async #metadata(topic: string): Promise<TopicMetadata> {
    const known = this.#topics.get(topic)
    if (known !== undefined) return known
    const [found] = await this.#client.topics([topic])
    if (found === undefined || found.error !== null) {
      const why = found?.error ?? 'UNKNOWN_TOPIC_OR_PARTITION'
      throw new PoolError(ErrorCode.topicMissing, `cannot replay to "${topic}": ${why}. --to names another topic`)
    }
    this.#topics.set(topic, found)
    return found
  }
}
