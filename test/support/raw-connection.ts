import { onTestFinished } from 'vitest'
import { createConnection } from '#src/kafka/connection.js'
import type { Connection } from '#src/kafka/face.js'

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** A connection that sends single requests, for what no client has a method for; closed after the test. */
export const rawConnection = async (brokers: readonly string[]): Promise<Connection> => {
  const connection = createConnection({
    clientId: 'raw',
    log: silent,
    kafka: {
      brokers,
      clientId: 'raw',
      ssl: null,
      sasl: null,
      connectionTimeout: 1_000,
      authenticationTimeout: 10_000,
      reauthenticationThreshold: 10_000,
      requestTimeout: 30_000,
      retry: { retries: 10, initialRetryTime: 100, maxRetryTime: 1_000 },
      codecs: {},
    },
  })
  onTestFinished(() => connection.close())
  await connection.connect()
  return connection
}
