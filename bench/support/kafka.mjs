import { exactProducer, kafkaClient, withAdmin } from '#scripts/support/kafka-client.js'
import { makeTopic, rangesOf } from '#scripts/support/topics.js'
import { PARTITIONS } from './rival.mjs'

/**
 * Runs `use` against the brokers of `KAFKA_BROKERS`, or against one that is started for it and stopped afterwards.
 */
export const withKafka = async (use) => {
  const given = (process.env.KAFKA_BROKERS ?? '').split(',').filter(Boolean)
  if (given.length > 0) return use({ brokers: given, version: process.env.KAFKA_VERSION ?? '(version not known)' })
  const { startBroker } = await import('#scripts/broker.js')
  const broker = await startBroker()
  try {
    return await use(broker)
  } finally {
    await broker.stop()
  }
}

const BATCH = 5_000

/**
 * A topic of `messages` equal messages of `bytes` bytes, spread evenly. One that an earlier run has filled is used
 * again.
 *
 * @returns its name
 */
export const filledTopic = ({ brokers }, { messages, bytes = 200, partitions = PARTITIONS, name }) =>
  withAdmin({ clientId: 'bench', brokers }, async (admin) => {
    const topic = name ?? `bench-${messages}x${bytes}-p${partitions}`
    if ((await admin.listTopics()).includes(topic)) {
      const held = await rangesOf(admin, topic)
      if (held.reduce((sum, { from, to }) => sum + to - from, 0) === messages) return topic
      await admin.deleteTopics({ topics: [topic] })
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
    await makeTopic(admin, topic, { partitions })
    const producer = exactProducer(kafkaClient({ clientId: 'bench', brokers }))
    await producer.connect()
    const value = Buffer.alloc(bytes, 'x')
    for (let sent = 0; sent < messages; sent += BATCH) {
      const length = Math.min(BATCH, messages - sent)
      const batch = Array.from({ length }, (_, i) => ({ partition: (sent + i) % partitions, value }))
      await producer.send({ topic, messages: batch })
    }
    await producer.disconnect()
    return topic
  })
