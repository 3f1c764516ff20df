// A pool's process with two child processes: one does what the argument says, the other one nothing. It prints their ids.
import process from 'node:process'
import { pino } from 'pino'
import { Threads } from '#src/control/threads/threads.js'

const threads = new Threads({
  isolation: 'process',
  size: 2,
  spares: 0,
  handlers: [],
  entry: new URL('./actor.cjs', import.meta.url),
  resourceLimits: {},
  terminateTimeoutMs: 5_000,
  onLost() {},
  log: pino({ level: 'silent' }),
})
const [how] = process.argv.slice(2)
const view = { brokers: [], topics: [] }
const [actor, idle] = [how, 'nothing'].map((handler, slot) =>
  threads.run({
    slot,
    incarnation: 1,
    clientId: 'test',
    config: { handler, concurrency: 1 },
    view,
    setupTimeoutMs: 60_000,
    teardownTimeoutMs: 10_000,
    logLevel: 'info',
    onMessage() {},
  }),
)
await Promise.all([actor.ready, idle.ready])
actor.send({ type: 'go-on' })
process.on('SIGTERM', async () => {
  // Neither of them has heard of it.
  await idle.request({ type: 'quiesce' })
  await threads.close(5_000)
})
console.log(`pids ${actor.threadId} ${idle.threadId}`)
