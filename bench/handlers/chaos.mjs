import { setTimeout as sleep } from 'node:timers/promises'
import { openRecorder } from '#scripts/support/recorder.js'
import { burn } from '../support/burn.mjs'
import { givenByMain } from '../support/thread-data.mjs'

const { recordDir } = givenByMain()
const recorder = openRecorder(recordDir)
const forever = new Promise(() => {})

const DEEDS = {
  exit: () => process.exit(3),
  throw: () => {
    setImmediate(() => {
      throw new Error('thrown where no handler can catch it')
    })
    return forever
  },
  block: () => {
    const untilMs = performance.now() + 20_000
    while (performance.now() < untilMs) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
  },
}

/** Records each message; one whose value names a deed does it, once. */
export default async (message, context) => {
  const id = recorder.start(message, context)
  const deed = DEEDS[message.value.toString()]
  if (deed !== undefined && recorder.once('deed', message)) await deed()
  burn(1_000)
  await sleep(2)
  recorder.end(id)
}
