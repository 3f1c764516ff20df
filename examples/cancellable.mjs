// A handler that takes long, and gives up when going on is of no use: see handlers/search.mjs (a synchronous loop) and
// typescript/handlers/webhook.ts (asynchronous, with an AbortSignal).
import process from 'node:process'
import { ConsumerPool } from 'kafka-consumer-pool'

const pool = new ConsumerPool({
  kafka: { brokers: (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(',') },
  consumer: { groupId: 'cancellable-example' },
  topics: ['orders'],
  handler: new URL('./handlers/search.mjs', import.meta.url),
  fromBeginning: true,
  // When `context.cancelled` becomes true and `context.signal` aborts. A handler that does not come back soon after that
  // has its thread ended and replaced. It has nothing to do with the session timeout: heartbeats do not come from here.
  maxProcessingMs: 60_000,
  retry: { attempts: 3, initialDelayMs: 500 },
})

await pool.start()
process.on('SIGINT', () => pool.stop())
