// What the process of a pool does for the fault harness, however the pool is run: it writes down what the pool says, into a file,
// so that it is known after a SIGKILL, and does what the harness asks for.
import { openSync, writeSync } from 'node:fs'
import process from 'node:process'
import { takeSettledInventory } from '#scripts/support/inventory.js'
import { machineMs } from '#scripts/support/recorder.js'

const EVENTS = [
  'slot:ready',
  'slot:crashed',
  'slot:recovered',
  'slot:recycled',
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

const plain = (_, value) =>
  value instanceof Error ? { code: value.code, message: value.message, cause: value.cause?.message } : value

/** @returns `note`, which writes a line into the file of member `name` */
export const openDiary = (name, file) => {
  const log = openSync(file, 'a')
  const note = (event, payload = {}) => {
    writeSync(log, `${JSON.stringify({ member: name, pid: process.pid, atMs: machineMs(), event, payload }, plain)}\n`)
  }
  let beatAtMs = machineMs()
  const beat = () => {
    const lateMs = machineMs() - beatAtMs - PULSE_MS
    beatAtMs = machineMs()
    if (lateMs > LATE_MS) note('late', { lateMs })
  }
  setInterval(beat, PULSE_MS).unref()
  return note
}

/** Notes what the pool says from now on. */
export const follow = (pool, note) => {
  for (const event of EVENTS) pool.on(event, (payload) => note(event, payload))
}

/** What a running pool, and its process, can be asked for. */
export const ordersFor = (pool, note) => ({
  status: async () => pool.status(),
  inventory: async () => takeSettledInventory(pool),
  recycle: async ({ slot }) => pool.recycle(slot),
  /** Holds the main thread up. */
  async block({ ms }) {
    note('blocked', { ms })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
  },
})

/** Does what a message of the harness asks for, and says what came of it. */
export const obey = async ({ id, order, ...more }, orders, answer) => {
  try {
    answer({ type: 'answer', id, value: await orders[order](more) })
  } catch (error) {
    answer({ type: 'answer', id, error: { code: error.code, message: error.message } })
  }
}
