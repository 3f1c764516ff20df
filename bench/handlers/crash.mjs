import process from 'node:process'
import { openRecorder } from '#scripts/support/recorder.js'
import { burn } from '../support/burn.mjs'
import { CrashKind, Orders } from '../support/orders.mjs'
import { givenByMain } from '../support/thread-data.mjs'

const { recordDir, orders: buffer } = givenByMain()
const recorder = openRecorder(recordDir)
const orders = new Orders(buffer)

const never = new Promise(() => {})

const crash = {
  [CrashKind.throwOutside]: () => {
    setImmediate(() => {
      throw new Error('thrown where no handler can catch it')
    })
    return never
  },
  [CrashKind.exit]: () => process.exit(3),
  [CrashKind.hang]: () => {
    for (;;);
  },
  // Many small objects: what V8 stops at the thread's limit. (A single huge one would end the process.)
  [CrashKind.outOfMemory]: () => {
    const kept = []
    for (;;) kept.push(Array.from({ length: 1_000 }, (_, i) => ({ i })))
  },
}

const nothing = new Int32Array(new SharedArrayBuffer(4))

/** Works, rests, records, and crashes in the middle of a message when it is told to. */
export default (message, context) => {
  const id = recorder.start(message, context)
  burn(orders.iterations)
  if (orders.restMs > 0) Atomics.wait(nothing, 0, 0, orders.restMs)
  const order = orders.take(context.slot)
  if (order !== 0) return crash[order]()
  recorder.end(id)
}
