import { Partitioners } from 'kafkajs'
import { onTestFinished } from 'vitest'
import { type Broker, type BrokerOptions, startBroker } from '#scripts/broker.js'
import { kafkaClient } from '#scripts/support/kafka-client.js'
import { makeTopic, uniqueName } from '#scripts/support/topics.js'
import { closeAfterFile } from './clients.js'
import type { TestClients } from './traffic.js'

/** A broker that one test has for itself, to kill, freeze or set up otherwise. */
export interface PrivateBroker extends Broker {
  readonly clients: TestClients
  /** Makes a topic with replicas on every node and resolves with its name. */
  createTopic(partitions: number): Promise<string>
}

const NEVER = 1_000_000

/** @param atEnd is given what closes the broker and its clients; later ones are to be called first */
const open = async (options: BrokerOptions, atEnd: (close: () => Promise<unknown>) => void): Promise<PrivateBroker> => {
  const broker = await startBroker(options)
  atEnd(() => broker.stop())
  const kafka = kafkaClient({
    clientId: 'test',
    brokers: broker.brokers,
    requestTimeout: 5_000,
    retry: { retries: NEVER, initialRetryTime: 50, maxRetryTime: 500 },
  })
  const admin = kafka.admin()
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    metadataMaxAge: 1_000,
    retry: { retries: 20, initialRetryTime: 50, maxRetryTime: 500 },
  })
  atEnd(() => Promise.all([producer.disconnect(), admin.disconnect()]))
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

/** Started for the test that calls it, and stopped after it. Not where `KAFKA_BROKERS` names somebody else's broker. */
export const startPrivateBroker = (options: BrokerOptions): Promise<PrivateBroker> =>
  open(options, (close) => onTestFinished(async () => void (await close()), 30_000))

/** The same for all tests of a file: to be called in `beforeAll`. */
export const startFileBroker = (options: BrokerOptions): Promise<PrivateBroker> => open(options, closeAfterFile)
