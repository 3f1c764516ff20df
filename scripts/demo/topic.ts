import { readFileSync } from 'node:fs'
import { type Admin, Partitioners, type Producer } from 'kafkajs'
import { kafkaClient } from '../support/kafka-client.js'
import type { PlannedMessage } from './plan.js'

/** Bytes of documents in one request: below what a broker takes even if all go to one partition. */
const REQUEST_BYTES = 768 * 1024

/** The topic of the demo, as a producer and an administrator see it: through KafkaJS, beside the pool. */
export class Topic {
  readonly name: string
  readonly #admin: Admin
  readonly #producer: Producer

  constructor(name: string, brokers: readonly string[]) {
    const kafka = kafkaClient({ clientId: 'demo', brokers: [...brokers] })
    this.name = name
    this.#admin = kafka.admin()
    this.#producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  }

  async create(numPartitions: number): Promise<void> {
    await Promise.all([this.#admin.connect(), this.#producer.connect()])
    await this.#admin.createTopics({ topics: [{ topic: this.name, numPartitions }], waitForLeaders: true })
  }

  /** Sends the documents; the one in the middle asks its handler to crash. */
  async produce(messages: readonly PlannedMessage[]): Promise<void> {
    const crashAt = messages[Math.floor(messages.length / 2)]?.number
    let bytes = 0
    let from = 0
    for (const [index, message] of messages.entries()) {
      bytes += message.bytes
      if (bytes < REQUEST_BYTES && index < messages.length - 1) continue
      await this.#send(messages.slice(from, index + 1), crashAt)
      from = index + 1
      bytes = 0
    }
  }

  async #send(messages: readonly PlannedMessage[], crashAt: number | undefined): Promise<void> {
    await this.#producer.send({
      topic: this.name,
      messages: messages.map(({ path, number, partition }) => ({
        key: String(number),
        value: readFileSync(path),
        partition,
        headers: number === crashAt ? { crash: 'once' } : {},
      })),
    })
  }

  /** How many messages the topic holds, and up to how many the group has committed. */
  async offsets(groupId: string): Promise<{ readonly end: number; readonly committed: number }> {
    const ends = await this.#admin.fetchTopicOffsets(this.name)
    const [group] = await this.#admin.fetchOffsets({ groupId, topics: [this.name] })
    const sum = (offsets: readonly { readonly offset: string }[]): number =>
      offsets.reduce((total, { offset }) => total + Math.max(0, Number(offset)), 0)
    return { end: sum(ends), committed: sum(group?.partitions ?? []) }
  }

  /** Removes the topic, which need not be there, and closes the connections. */
  async close(): Promise<void> {
    await this.#admin.deleteTopics({ topics: [this.name] }).catch(() => undefined)
    await Promise.all([this.#admin.disconnect(), this.#producer.disconnect()])
  }
}
