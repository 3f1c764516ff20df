// The smallest useful program: hash every message of a topic, on all cores.
//
//   node examples/produce.mjs orders 1000 && node examples/hash.mjs
import process from 'node:process'
import { ConsumerPool } from 'kafka-consumer-pool'

const pool = new ConsumerPool({
  kafka: { brokers: (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(','), clientId: 'hash-example' },
  consumer: { groupId: 'hash-example' },
  topics: ['orders'],
  // A file, not a function: every thread imports it.
  handler: new URL('./handlers/hash.mjs', import.meta.url),
  // Begin with what is there already when the group has no committed offset yet.
  fromBeginning: true,
  // workers: 4,   // default: one for each core
})

pool.on('slot:crashed', ({ slot, error }) => console.error(`slot ${slot} crashed: ${error.message}`))
pool.on('slot:recovered', ({ slot, afterMs }) => console.error(`slot ${slot} is back after ${Math.round(afterMs)} ms`))

// Rejects with one clear error when the pool cannot run: broker not there, topic missing, handler not found, …
await pool.start()

process.on('SIGINT', () => pool.stop())
