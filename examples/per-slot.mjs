// Options come in layers: the pool's, a subscription's, a slot's. `perSlot` is the last one. What it leaves out (or returns
// as undefined) stays as the layers before have it.
import process from 'node:process'
import { ConsumerPool } from 'kafka-consumer-pool'

const pool = new ConsumerPool({
  kafka: { brokers: (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(',') },
  // KafkaJS's names and Kafka's own are both understood.
  consumer: { 'group.id': 'per-slot-example', sessionTimeout: 30_000 },
  workers: 3,
  topics: ['orders'],
  handler: new URL('./handlers/hash.mjs', import.meta.url),
  perSlot: (slot) => ({
    consumer: {
      // Each slot is a static member under its own name. (`groupInstanceId: 'worker-{slot}'` above does the same.)
      'group.instance.id': `worker-${slot}`,
      // The first slot fetches in smaller bites.
      'max.partition.fetch.bytes': slot === 0 ? 64 * 1024 : undefined,
    },
  }),
})

await pool.start()

// What each thread really runs with, as it reported it; secrets are masked.
for (const { slot, seat, config } of pool.status().slots) console.log(slot, seat.instanceId, config)

process.on('SIGINT', () => pool.stop())
