// How a service ends well: the first signal lets the messages in flight finish and commits them; the second one ends the
// process at once; a pool that cannot heal itself ends it too, so that the service manager starts it anew.
//
// (The command `kafka-consumer-pool run` does all of this by itself.)
import { hostname } from 'node:os'
import process from 'node:process'
import { ConsumerPool, PoolError } from 'kafka-consumer-pool'

const pool = new ConsumerPool({
  kafka: { brokers: (process.env.KAFKA_BROKERS ?? '127.0.0.1:9092').split(',') },
  consumer: {
    groupId: 'shutdown-example',
    // With a static id the partitions wait for this process: a restart within the session timeout moves nothing. Where the
    // host (the pod) has another name after each restart, leave it out: others would wait for the old name.
    groupInstanceId: hostname(),
    sessionTimeout: 30_000,
  },
  topics: ['orders'],
  handler: new URL('./handlers/hash.mjs', import.meta.url),
  // 3 s less than the service manager waits before it kills, or still less (Kubernetes: terminationGracePeriodSeconds).
  drainTimeoutMs: 20_000,
})

let firstMs = Number.POSITIVE_INFINITY
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.on(signal, async () => {
    // A second one is somebody who is impatient, unless it comes at the same moment: npm and systemd may send one twice.
    if (performance.now() - firstMs > 300) process.exit(1)
    firstMs = Math.min(firstMs, performance.now())
    await pool.stop() // never rejects, never takes longer than drainTimeoutMs + 3 s
    process.exit(0)
  })
}

pool.on('pool:stopped', ({ afterMs, drained }) => {
  console.log(`stopped after ${Math.round(afterMs)} ms${drained ? '' : ', some messages were not finished'}`)
})

pool.on('pool:escalated', async ({ error }) => {
  console.error(error.message)
  await pool.stop()
  process.exit(70)
})

try {
  await pool.start()
} catch (error) {
  // Every reason has a code: docs/errors.md.
  console.error(error instanceof PoolError ? `${error.code}: ${error.message}` : error)
  process.exitCode = 1
}
