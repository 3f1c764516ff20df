import process from 'node:process'
import { openRecorder } from '#scripts/support/recorder.js'
import { NonRetriableError } from '#src/handler.js'
import { burn } from '../support/burn.mjs'
import { givenByMain } from '../support/thread-data.mjs'

const { recordDir, iterations } = givenByMain()
const recorder = openRecorder(recordDir)

/** What a message may do to the thread that handles it; its value is the name. */
const poisons = {
  throws: () => {
    throw new Error('this message always fails')
  },
  'can never succeed': () => {
    throw new NonRetriableError('this message is no good')
  },
  'throws outside': () => {
    setImmediate(() => {
      throw new Error('thrown where no handler can catch it')
    })
    return new Promise(() => {})
  },
  'rejects unheard': () => {
    Promise.reject(new Error('rejected where nobody listens'))
    return new Promise(() => {})
  },
  exits: () => process.exit(3),
  loops: () => {
    for (;;);
  },
  'waits for ever': () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  backtracks: () => /^(a+)+$/.test(`${'a'.repeat(40)}!`),
  'never settles': () => new Promise(() => {}),
  // Many small objects: what V8 stops at the thread's limit.
  'takes all memory': () => {
    const kept = []
    for (;;) kept.push(Array.from({ length: 1_000 }, (_, i) => ({ i })))
  },
}

/** Works and records, unless its message is one of the poisons. */
export default (message, context) => {
  const id = recorder.start(message, context)
  const poison = poisons[message.value.toString()]
  if (poison !== undefined) return poison()
  burn(iterations)
  recorder.end(id)
}
