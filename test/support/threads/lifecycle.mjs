// A whole process: threads are started, one is used, all are closed. It must then exit by itself.
import { pino } from 'pino'
import { Threads } from '#src/control/threads/threads.js'

const threads = new Threads({
  size: 2,
  handlers: [],
  entry: new URL('./actor.cjs', import.meta.url),
  resourceLimits: {},
  terminateTimeoutMs: 5_000,
  onLost() {},
  log: pino({ level: 'silent' }),
})
const config = { handler: 'nothing', concurrency: 1 }
const thread = threads.run({ slot: 0, incarnation: 1, clientId: 'test', config, logLevel: 'info', onMessage() {} })
await thread.ready
await threads.close(5_000)
console.log((await thread.exited).reason)
