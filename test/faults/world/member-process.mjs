// A process that runs one pool for the fault harness, as a user's process would: it stops on SIGTERM and ends by itself then.
// What the pool says goes into a file, so that it is known after a SIGKILL.
import { closeSync, openSync, writeSync } from 'node:fs'
import process from 'node:process'
import { takeSettledInventory } from '#scripts/support/inventory.js'
import { machineMs } from '#scripts/support/recorder.js'
import { ConsumerPool } from '#src/index.js'

const EVENTS = [
  'slot:ready',
  'slot:crashed',
  'slot:recovered',
  'slot:stalled',
  'slot:parked',
  'group:joined',
  'group:assigned',
  'group:fenced',
  'message:dead-lettered',
  'partition:paused',
  'partition:resumed',
  'offset:reset',
  'pool:escalated',
  'pool:stopped',
]
const PULSE_MS = 100
/** How late the pulse must be to be told of. */
const LATE_MS = 500

const [name, file] = process.argv.slice(2)
const log = openSync(file, 'a')
let pool
let stopping

const plain = (_, value) =>
  value instanceof Error ? { code: value.code, message: value.message, cause: value.cause?.message } : value

const note = (event, payload = {}) => {
  writeSync(log, `${JSON.stringify({ member: name, pid: process.pid, atMs: machineMs(), event, payload }, plain)}\n`)
}

let beatAtMs = machineMs()
const pulse = setInterval(() => {
  const lateMs = machineMs() - beatAtMs - PULSE_MS
  beatAtMs = machineMs()
  if (lateMs > LATE_MS) note('late', { lateMs })
}, PULSE_MS)

/** Stops the pool and lets the process end: nothing else may hold it. */
const stop = () => {
  stopping ??= (async () => {
    const beganAtMs = machineMs()
    await pool?.stop()
    note('stopped', { tookMs: machineMs() - beganAtMs })
    clearInterval(pulse)
    closeSync(log)
    if (process.connected) process.disconnect()
  })()
  return stopping
}

const orders = {
  async start({ options }) {
    pool = new ConsumerPool(options)
    for (const event of EVENTS) pool.on(event, (payload) => note(event, payload))
    await pool.start()
    note('started')
  },
  async status() {
    return pool.status()
  },
  async inventory() {
    return takeSettledInventory(pool)
  },
  /** Holds the main thread up. */
  async block({ ms }) {
    note('blocked', { ms })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  },
}

const answer = (message) => {
  if (process.connected) process.send(message, () => undefined)
}

process.on('message', async ({ id, order, ...more }) => {
  try {
    answer({ type: 'answer', id, value: await orders[order](more) })
  } catch (error) {
    answer({ type: 'answer', id, error: { code: error.code, message: error.message } })
  }
})
process.on('disconnect', () => {
  // The harness is gone.
  if (stopping === undefined) process.exit(1)
})
process.on('SIGTERM', stop)
// It may have gone while the modules were loaded.
if (!process.connected) process.exit(1)
note('born')
