import kafkajs from 'kafkajs'

const { Kafka, logLevel } = kafkajs

export const PARTITIONS = 8

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

/** KafkaJS itself, for the rivals and the housekeeping. */
export const kafkaJs = ({ brokers }, clientId = 'bench') => new Kafka({ clientId, brokers, logLevel: logLevel.NOTHING })

/** Runs `use` with a connected admin client. */
export const withAdmin = async (cluster, use) => {
  const admin = kafkaJs(cluster).admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

export const uniqueName = (name) => `${name}-${Date.now().toString(36)}-${process.pid}`

/** How many messages each partition holds, by partition. */
const sizes = async (admin, topic) =>
  (await admin.fetchTopicOffsets(topic)).map(({ high, low }) => Number(high) - Number(low))

const BATCH = 5_000

/**
 * A topic of `messages` equal messages of `bytes` bytes, spread evenly. One that an earlier run has filled is used
 * again.
 *
 * @returns its name
 */
export const filledTopic = (cluster, { messages, bytes = 200, partitions = PARTITIONS, name }) =>
  withAdmin(cluster, async (admin) => {
    const topic = name ?? `bench-${messages}x${bytes}-p${partitions}`
    if ((await admin.listTopics()).includes(topic)) {
      const held = await sizes(admin, topic)
      if (held.reduce((sum, size) => sum + size, 0) === messages) return topic
      await admin.deleteTopics({ topics: [topic] })
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
    await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true })
    const producer = kafkaJs(cluster).producer()
    await producer.connect()
    const value = Buffer.alloc(bytes, 'x')
    for (let sent = 0; sent < messages; sent += BATCH) {
      const length = Math.min(BATCH, messages - sent)
      const batch = Array.from({ length }, (_, i) => ({ partition: (sent + i) % partitions, value }))
      await producer.send({ topic, acks: 1, messages: batch })
    }
    await producer.disconnect()
    return topic
  })
