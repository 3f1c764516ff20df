// A handler with `setup` and `teardown`: see handlers/archive.mjs.
//
//   node examples/produce.mjs orders 1000 && node examples/archive.mjs
import process from 'node:process'
import { ConsumerPool } from 'kafka-consumer-pool'

const pool = new ConsumerPool({
  kafka: { brokers: (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(',') },
  consumer: { groupId: 'archive-example' },
  topics: ['orders'],
  handler: new URL('./handlers/archive.mjs', import.meta.url),
  fromBeginning: true,
  workers: 2,
  // How long the module may take to load, and its `setup` to come back. A start fails with one clear error after that.
  loadTimeoutMs: 20_000,
})

await pool.start()
// Waits for the messages in flight, then for `teardown`.
process.on('SIGINT', () => pool.stop())
