import type { DeadLetterConfig } from '../../config/resolved.js'
import type { WritingClient } from '../../kafka/client.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import type { TopicMetadata } from '../../kafka/metadata.js'
import type { RawMessage } from '../../kafka/raw-message.js'
import { isTooLarge } from '../../kafka/too-large.js'
import { partitionName } from '../../util/partition-name.js'
import { destinationOf } from './destination.js'
import { type LetterFacts, letterOf } from './letter.js'
import { Writers } from './writers.js'

/** A message for a dead-letter topic. */
export interface DeadLetter {
  readonly message: RawMessage
  readonly facts: LetterFacts
  /** Name of the dead-letter topic. */
  readonly topic: string
  readonly partition: DeadLetterConfig['partition']
}

/** Where a dead letter is. */
export interface StoredAt {
  readonly topic: string
  readonly partition: number
  readonly offset: string
}

export interface DeadLetterStore {
  /**
   * Resolves when all in-sync replicas have it. One attempt: again at once only where the last was of no use.
   *
   * @throws KafkaError; the letter may be there all the same when no answer came
   */
  store(letter: DeadLetter): Promise<StoredAt>
}

/** Of the error's texts in a letter that is too large with all of them. */
const FEW_TEXT_BYTES = 256

/** What was known of the topic, or its connection, may be too old: that is no failure yet. */
const STALE: readonly string[] = [
  ...['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE', 'NOT_LEADER_FOR_PARTITION', 'FENCED_LEADER_EPOCH'],
  ...['KAFKA_STORAGE_ERROR', 'CONNECTION'],
]

const isStale = (error: unknown): boolean => error instanceof KafkaError && STALE.includes(error.type)

/** Writes dead letters to one cluster, with clients that are made when they are needed. */
export class ClusterStore implements DeadLetterStore {
  readonly #writers: Writers
  readonly #known = new Map<string, TopicMetadata>()
  /** A topic is looked up once for all that want to know of it. */
  readonly #lookUps = new Map<string, Promise<TopicMetadata>>()

  constructor(createClient: () => WritingClient) {
    this.#writers = new Writers(createClient)
  }

  async store(letter: DeadLetter): Promise<StoredAt> {
    const { message, facts } = letter
    try {
      return await this.#write(letter, letterOf(message, facts))
    } catch (error) {
      if (!isTooLarge(error)) throw error
      // What was added must not be what makes it too large, and it may have come compressed.
      return this.#write(letter, letterOf(message, facts, FEW_TEXT_BYTES), true)
    }
  }

  close(): void {
    this.#writers.close()
  }

  async #write(letter: DeadLetter, raw: RawMessage, compress = false): Promise<StoredAt> {
    const { topic, partition: which, facts } = letter
    const wasKnown = this.#known.has(topic)
    try {
      const { partition, leader } = destinationOf(await this.#metadata(topic), facts.partition, which)
      const where = { topic, partition }
      const offset = await this.#writers.use(partitionName(where), (client) =>
        client.produce(leader, where, [raw], { compress }),
      )
      return { ...where, offset: offset.toString() }
    } catch (error) {
      this.#known.delete(topic) // the leader may be another by now
      if (!wasKnown || !isStale(error)) throw error
      return this.#write(letter, raw, compress)
    }
  }

  async #metadata(topic: string): Promise<TopicMetadata> {
    const known = this.#known.get(topic)
    if (known !== undefined) return known
    const underWay = this.#lookUps.get(topic)
    if (underWay !== undefined) return underWay
    const lookUp = this.#lookUp(topic).finally(() => this.#lookUps.delete(topic))
    this.#lookUps.set(topic, lookUp)
    return lookUp
  }

  async #lookUp(topic: string): Promise<TopicMetadata> {
    const [found] = await this.#writers.use(`metadata of ${topic}`, (client) => client.topics([topic]))
    const metadata = found ?? { topic, error: 'UNKNOWN_TOPIC_OR_PARTITION', partitions: [] }
    if (metadata.error === null) this.#known.set(topic, metadata)
    return metadata
  }
}
