import { readFileSync } from 'node:fs'
import type { Admin, Producer } from 'kafkajs'
import { exactProducer, kafkaClient } from '../support/kafka-client.js'
import { makeTopic, type Range, rangesOf } from '../support/topics.js'
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
    this.#producer = exactProducer(kafka)
  }

  async create(partitions: number): Promise<void> {
    await Promise.all([this.#admin.connect(), this.#producer.connect()])
    await makeTopic(this.#admin, this.name, { partitions })
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

  /** What the topic holds. */
  produced(): Promise<Range[]> {
    return rangesOf(this.#admin, this.name)
  }

  /** Up to how many messages the group has committed. */
  async committed(groupId: string): Promise<number> {
    const [group] = await this.#admin.fetchOffsets({ groupId, topics: [this.name] })
    return (group?.partitions ?? []).reduce((total, { offset }) => total + Math.max(0, Number(offset)), 0)
  }

  /** Removes the topic, which need not be there, and closes the connections. */
  async close(): Promise<void> {
    await this.#admin.deleteTopics({ topics: [this.name] }).catch(() => undefined)
    await Promise.all([this.#admin.disconnect(), this.#producer.disconnect()])
  }
}
