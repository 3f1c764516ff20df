import { onTestFinished } from 'vitest'
import type { KafkaConfig } from '#src/config/resolved.js'
import type { Client } from '#src/kafka/client.js'
import { createClient } from '#src/kafka/create-client.js'
import { kafkaConfig } from '../config/slot-config.js'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** A client of the code under test, by itself; closed after the test. */
export const rawClient = async (brokers: readonly string[], more: Partial<KafkaConfig> = {}): Promise<Client> => {
  const kafka = kafkaConfig({ brokers, clientId: 'raw', ...more })
  const client = createClient({ clientId: kafka.clientId, log: silent, kafka })
  onTestFinished(() => client.close())
  await client.connect()
  return client
}
