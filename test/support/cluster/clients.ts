import type { Admin, Kafka, Producer } from 'kafkajs'
import { afterAll, inject } from 'vitest'
import { kafkaClient as clientOf, exactProducer } from '#scripts/support/kafka-client.js'

/*
 * One admin client and one producer for all tests of a file, made when first asked for. They are closed after the last
 * test and after that file's own hooks, because this hook is registered first.
 */
let admin: Promise<Admin> | undefined
let producer: Promise<Producer> | undefined
const closers: (() => Promise<unknown>)[] = []

afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close()
  admin = undefined
  producer = undefined
})

/** Runs after the last test of the file, later registrations first. */
export const closeAfterFile = (close: () => Promise<unknown>): void => {
  closers.push(close)
}

/** `host:port` of each node of the broker that the tests share; node n of Kafka is number n - 1. */
export const brokers = (): string[] => inject('brokers')

/** A KafkaJS client of the shared broker that logs nothing. */
export const kafkaClient = (clientId = 'test'): Kafka =>
  clientOf({ clientId, brokers: brokers(), retry: { retries: 10, initialRetryTime: 50, maxRetryTime: 1000 } })

/** The file's admin client, connected. Do not disconnect it. */
export const adminClient = (): Promise<Admin> => {
  admin ??= (async () => {
    const client = kafkaClient('test-admin').admin()
    closeAfterFile(() => client.disconnect())
    await client.connect()
    return client
  })()
  return admin
}

/** The file's producer, connected. */
export const producerClient = (): Promise<Producer> => {
  producer ??= (async () => {
    const client = exactProducer(kafkaClient('test-producer'))
    closeAfterFile(() => client.disconnect())
    await client.connect()
    return client
  })()
  return producer
}
