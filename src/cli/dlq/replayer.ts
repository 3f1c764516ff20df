import { ErrorCode, PoolError } from '../../errors.js'
import type { Client } from '../../kafka/client.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import { NO_LEADER, type TopicMetadata, type TopicPartition } from '../../kafka/metadata.js'
import type { RawMessage } from '../../kafka/raw-message.js'
import { isTooLarge } from '../../kafka/too-large.js'
import { groupBy } from '../../util/group-by.js'
import { sleep } from '../../util/timers.js'
import { type Letter, replayOf, type Source } from './letter.js'

const MOST_MESSAGES = 200
/** Below any usual `max.message.bytes`, unless a single message is larger. */
const MOST_BYTES = 400_000
const TRIES = 6
const PAUSE_MS = 500

/** A dead letter of which it is known where its message came from. */
export type Replayable = Letter & { readonly source: Source }

/** Of a message that is to be written: key, value and headers. */
export const bytesOf = ({ key, value, headers }: RawMessage): number =>
  [key, value, ...headers.flat()].reduce((sum, part) => sum + (part?.length ?? 0), 0)

/** In their order, in batches that a broker takes: none larger than that but of one message. */
export const batchesOf = <T extends { readonly message: RawMessage }>(
  items: readonly T[],
  mostBytes = MOST_BYTES,
): T[][] => {
  const batches: T[][] = []
  let bytes = 0
  for (const item of items) {
    const last = batches.at(-1)
    bytes += bytesOf(item.message)
    if (last === undefined || last.length === MOST_MESSAGES || bytes > mostBytes) {
      batches.push([item])
      bytes = bytesOf(item.message)
    } else last.push(item)
  }
  return batches
}

/** Where a message goes: to the partition that it had, or, where that is not there any more, to another one. */
export const targetOf = (source: Source, to: string, { partitions }: TopicMetadata): TopicPartition => {
  const isThere = partitions.some(({ partition }) => partition === source.partition)
  return { topic: to, partition: isThere ? source.partition : source.partition % Math.max(1, partitions.length) }
}

/** Hears what becomes of each letter. */
export interface ReplayListener {
  /** All in-sync replicas have its message. */
  written(letter: Replayable, topic: string): void
  /** It is larger than the topic takes, also compressed: it is passed over. */
  tooLarge(letter: Replayable, topic: string): void
  /** No answer came, and there will be no other attempt: it may be written, or not. */
  unsure(letter: Replayable): void
}

interface Item {
  readonly letter: Replayable
  readonly message: RawMessage
}

/** Writes messages back, each partition's in their order. */
export class Replayer {
  readonly #client: Client
  readonly #to: string | undefined
  readonly #listener: ReplayListener
  readonly #topics = new Map<string, TopicMetadata>()
  /** How large a batch may be, where a topic has refused a larger one. */
  readonly #mostBytes = new Map<string, number>()

  /** @param to the topic for all of them; default: each its own */
  constructor(client: Client, to: string | undefined, listener: ReplayListener) {
    this.#client = client
    this.#to = to
    this.#listener = listener
  }

  topicOf({ topic }: Source): string {
    return this.#to ?? topic
  }

  /** @throws PoolError KCP_TOPIC_MISSING */
  async check(topic: string): Promise<void> {
    await this.#metadata(topic)
  }

  /**
   * Resolves when each of them is written, or too large.
   *
   * @throws KafkaError; what was not told to the listener by then is not written
   */
  async write(letters: readonly Replayable[]): Promise<void> {
    for (const [topic, own] of groupBy(letters, ({ source }) => this.topicOf(source))) {
      const metadata = await this.#metadata(topic)
      const byPartition = groupBy(own, ({ source }) => targetOf(source, topic, metadata).partition)
      for (const [partition, some] of byPartition) {
        const items = some.map((letter) => ({ letter, message: replayOf(letter) }))
        await this.#writeTo({ topic, partition }, items)
      }
    }
  }

  /** What a topic takes is found out by halves. */
  async #writeTo(where: TopicPartition, items: readonly Item[]): Promise<void> {
    const { topic } = where
    for (const batch of batchesOf(items, this.#mostBytes.get(topic))) {
      try {
        await this.#append(where, batch, false)
        for (const { letter } of batch) this.#listener.written(letter, topic)
      } catch (error) {
        if (!isTooLarge(error)) throw error
        const [only, ...others] = batch
        if (only !== undefined && others.length === 0) await this.#writeCompressed(where, only)
        else {
          const bytes = batch.reduce((sum, { message }) => sum + bytesOf(message), 0)
          this.#mostBytes.set(topic, Math.ceil(bytes / 2))
          const half = Math.ceil(batch.length / 2)
          for (const part of [batch.slice(0, half), batch.slice(half)]) await this.#writeTo(where, part)
        }
      }
    }
  }

  /** It may have been so where it came from. */
  async #writeCompressed(where: TopicPartition, item: Item): Promise<void> {
    try {
      await this.#append(where, [item], true)
      this.#listener.written(item.letter, where.topic)
    } catch (error) {
      if (!isTooLarge(error)) throw error
      this.#listener.tooLarge(item.letter, where.topic)
    }
  }

  async #append(where: TopicPartition, batch: readonly Item[], compress: boolean): Promise<void> {
    let isUnsure = false
    for (let tries = 1; ; tries++) {
      try {
        const { partitions } = await this.#metadata(where.topic)
        const leader = partitions.find(({ partition }) => partition === where.partition)?.leader ?? NO_LEADER
        const messages = batch.map(({ message }) => message)
        await this.#client.produce(leader, where, messages, { compress })
        return
      } catch (error) {
        isUnsure ||= error instanceof KafkaError && error.unanswered
        if (!(error instanceof KafkaError) || !error.retriable || tries === TRIES) {
          if (isUnsure && !isTooLarge(error)) for (const { letter } of batch) this.#listener.unsure(letter)
          throw error
        }
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
