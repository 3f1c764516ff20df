import { Kafka, logLevel, Partitioners } from 'kafkajs'
import { onTestFinished } from 'vitest'
import { type Broker, type BrokerOptions, startBroker } from '#scripts/broker.js'
import { makeTopic, uniqueName } from './topics.js'
import type { TestClients } from './traffic.js'

/** A broker that one test has for itself, to kill, freeze or set up otherwise. */
export interface PrivateBroker extends Broker {
  readonly clients: TestClients
  /** Makes a topic with replicas on every node and resolves with its name. */
  createTopic(partitions: number): Promise<string>
}

const NEVER = 1_000_000

/** Started for the test that calls it, and stopped after it. Not where `KAFKA_BROKERS` names somebody else's broker. */
export const startPrivateBroker = async (options: BrokerOptions): Promise<PrivateBroker> => {
  const broker = await startBroker(options)
  onTestFinished(() => broker.stop(), 30_000)
  const kafka = new Kafka({
    clientId: 'test',
    brokers: broker.brokers,
    logLevel: logLevel.NOTHING,
    requestTimeout: 5_000,
    retry: { retries: NEVER, initialRetryTime: 50, maxRetryTime: 500 },
  })
  const admin = kafka.admin()
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    metadataMaxAge: 1_000,
    retry: { retries: 20, initialRetryTime: 50, maxRetryTime: 500 },
  })
  onTestFinished(async () => {
    await Promise.all([producer.disconnect(), admin.disconnect()])
  })
  await Promise.all([admin.connect(), producer.connect()])
  return {
    ...broker,
    clients: { admin, producer },
    createTopic: async (partitions) => {
      const topic = uniqueName('topic')
      await makeTopic(admin, topic, { partitions })
      return topic
    },
  }
}
