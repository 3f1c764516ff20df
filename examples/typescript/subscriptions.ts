// Several subscriptions in one pool: two in one group, with different topics, handlers and numbers of slots; one in a
// group of its own that reads one of the topics once more.
//
//   npx tsc -p examples && node dist/examples/typescript/subscriptions.js
import { ConsumerPool, type ConsumerPoolOptions } from 'kafka-consumer-pool'

const options: ConsumerPoolOptions = {
  kafka: { brokers: (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(','), clientId: 'subscriptions-example' },
  // Shared by all subscriptions that do not say otherwise.
  consumer: { groupId: 'shop', sessionTimeout: 30_000 },
  fromBeginning: true,
  subscriptions: [
    {
      topics: ['images'],
      handler: new URL('./handlers/resize.js', import.meta.url),
      workers: 2,
      onExhausted: 'skip',
    },
    {
      topics: ['orders'],
      handler: new URL('./handlers/webhook.js', import.meta.url),
      workers: 1,
      // Waits for the network rather than computes: one thread can have several messages in flight.
      concurrency: 8,
      retry: { attempts: 10, initialDelayMs: 1_000, maxDelayMs: 60_000 },
    },
    {
      topics: ['orders'],
      handler: new URL('./handlers/resize.js', import.meta.url),
      workers: 1,
      consumer: { groupId: 'shop-archive' },
    },
  ],
}

const pool = new ConsumerPool(options)

// Events are typed: `error` is plain data here, because it comes from a thread.
pool.on('message:failed', ({ topic, partition, offset, attempt, outcome, error }) => {
  console.error(`${topic}-${partition}@${offset}, attempt ${attempt}: ${error.message} (${outcome})`)
})

await pool.start()

const timer = setInterval(() => {
  const { state, totals } = pool.status()
  console.log(`${state}: ${totals.finished} finished, ${totals.failed} failed, lag ${totals.lag ?? 'unknown'}`)
}, 1_000)

process.on('SIGINT', async () => {
  clearInterval(timer)
  await pool.stop()
})
