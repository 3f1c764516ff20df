// A process that runs one pool for the fault harness, as a user's process would: it stops on SIGTERM and ends by itself then.
import process from 'node:process'
import { machineMs } from '#scripts/support/recorder.js'
import { ConsumerPool } from '#src/index.js'
import { putClock } from './clock.mjs'
import { follow, obey, openDiary, ordersFor } from './diary.mjs'

const [name, file] = process.argv.slice(2)
const note = openDiary(name, file)
let pool
let stopping
const orders = {
  async start({ options }) {
    pool = new ConsumerPool(options)
    follow(pool, note)
    Object.assign(orders, ordersFor(pool, note))
    await pool.start()
    note('started')
  },
  async clock({ ms }) {
    putClock(ms)
  },
}

/** Stops the pool and lets the process end: nothing else may hold it. */
const stop = () => {
  stopping ??= (async () => {
    const beganAtMs = machineMs()
    await pool?.stop()
    note('stopped', { tookMs: machineMs() - beganAtMs })
    if (process.connected) process.disconnect()
  })()
  return stopping
}

const answer = (message) => {
  if (process.connected) process.send(message, () => undefined)
}
process.on('message', (message) => obey(message, orders, answer))
process.on('disconnect', () => {
  // The harness is gone.
  if (stopping === undefined) process.exit(1)
})
process.on('SIGTERM', stop)
// It may have gone while the modules were loaded.
if (!process.connected) process.exit(1)
note('born')
