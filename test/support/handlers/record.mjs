// The handler of tests: records every call, and does what the message says.
// Load it as record.mjs?dir=<folder of the record>.
import { pbkdf2Sync } from 'node:crypto'
import process from 'node:process'
import { openRecorder } from '#scripts/support/recorder.js'
import { NonRetriableError } from '#src/errors.js'

const dir = new URL(import.meta.url).searchParams.get('dir')
if (dir === null) throw new Error('Name the folder of the record: record.mjs?dir=/some/folder')
const recorder = openRecorder(dir)

/** Burns CPU and blocks the thread. */
const block = (ms) => {
  const end = performance.now() + ms
  while (performance.now() < end);
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Small objects in a chain: the way of running out of memory that ends the thread and not the process. */
const fillHeap = () => {
  let chain = null
  for (;;) chain = { before: chain, some: [1.5], more: { text: 'small' } }
}

/** A native call that nothing can interrupt, of about so many milliseconds. */
const native = (ms) => {
  const derive = (rounds) => pbkdf2Sync('a', 'b', rounds, 64, 'sha512')
  const probed = 50_000
  const beganAtMs = performance.now()
  derive(probed)
  derive(Math.ceil((probed * ms) / (performance.now() - beganAtMs)))
}

/** Gives the expression 2 ** 40 ways to fail. */
const backtrack = () => /^(a+)+$/.test(`${'a'.repeat(40)}!`)

const overflow = () => overflow() + 1

/** Takes so many steps, each of which takes some time of a process that runs, as long as it is let. */
const steps = async (left, { signal }) => {
  for (; left > 0; left--) {
    await sleep(10)
    signal.throwIfAborted()
  }
}

const kept = []

const raise = (thrown) => {
  throw thrown
}

const hostile = {
  get message() {
    throw new Error('the getter of the message')
  },
  get name() {
    throw new Error('the getter of the name')
  },
}

/**
 * What a message may ask for, as the first word of its value: `throw`, `block:20`, … Anything else is plain work. A number
 * as the second word is noted at the end.
 */
const deeds = {
  block,
  /** Blocks the thread until it is told to give up. */
  cancelled: (_amount, context) => {
    while (!context.cancelled);
  },
  sleep,
  steps,
  throw: () => raise(new Error('the message said: throw')),
  /** Fails so many attempts. */
  flaky: (attempts, { attempt }) => attempt <= attempts && raise(new Error(`the message said: flaky, ${attempt}`)),
  final: () => raise(new NonRetriableError('the message said: final')),
  null: () => raise(null),
  undefined: () => raise(undefined),
  text: () => raise('the message said: text'),
  hostile: () => raise(hostile),
  reject: () => Promise.reject(new Error('the message said: reject')),
  // The promise stays open, so the message is in flight when the thread dies.
  uncaught: () => {
    setImmediate(() => {
      throw new Error('the message said: uncaught')
    })
    return new Promise(() => {})
  },
  unhandled: () => {
    Promise.reject(new Error('the message said: unhandled'))
    return new Promise(() => {})
  },
  /** The message itself is finished. */
  forsaken: () => void Promise.reject(new Error('the message said: forsaken')),
  stack: overflow,
  exit: () => process.exit(7),
  /** Kills so many threads, then is plain work. */
  exits: (times, _context, message) => {
    for (let n = 1; n <= times; n++) if (recorder.once(`exits-${n}`, message)) process.exit(7)
  },
  loop: () => {
    for (;;);
  },
  regex: backtrack,
  wait: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  native,
  oom: fillHeap,
  /** One array that grows: the way of running out of memory at which V8 aborts the process. */
  huge: () => {
    const numbers = []
    for (;;) numbers.push(1.5)
  },
  /** One allocation that jumps far over any limit: V8 aborts the process whatever that is. */
  vast: () => void kept.push(new Array(1e8).fill(0.5)),
  /** A native call that takes longer than any test, and that nobody can interrupt. */
  stuck: () => pbkdf2Sync('password', 'salt', 2 ** 31 - 1, 64, 'sha512'),
  /** Of the process, by its number: 6 aborts it, 9 kills it, 11 is a segmentation fault. */
  signal: (number) => {
    process.kill(process.pid, number)
    for (;;);
  },
  /** Keeps so many KiB for ever, as an array in the heap or as a Buffer outside of it, filled so that it takes room. */
  keep: (kib) => void kept.push(new Array(kib * 128).fill(0.5)),
  /** Slowly enough that main, which looks now and then, sees it grow. */
  buffer: (kib) => {
    kept.push(Buffer.alloc(kib * 1024, 1))
    block(8)
  },
  /** Ends the whole process, as a fault in native code does. */
  kill: () => {
    process.kill(process.pid, 'SIGKILL')
    for (;;);
  },
}

/** `exit-once` is the deed `exit` at the first handling of this message, and plain work at every later one. */
const deedOf = (message, context) => {
  const [word = ''] = (message.value?.toString() ?? '').split(/\s/, 1)
  const [, name, once, amount] = /^([a-z]+)(-once)?(?::(\d+))?$/.exec(word) ?? []
  if (name === undefined || !Object.hasOwn(deeds, name)) return undefined
  if (once !== undefined && !recorder.once(name, message)) return undefined
  return () => deeds[name](Number(amount ?? 0), context, message)
}

/** Synchronous unless the deed is not, so that plain messages take the dispatcher's bare loop. */
export default function record(message, context) {
  const id = recorder.start(message, context)
  const noted = () => Number((message.value?.toString() ?? '').split(' ')[1]) || 0
  const failed = (error) => {
    recorder.fail(id)
    throw error
  }
  let outcome
  try {
    outcome = deedOf(message, context)?.()
  } catch (error) {
    failed(error)
  }
  if (!(outcome instanceof Promise)) return recorder.end(id, noted())
  return outcome.then(() => recorder.end(id, noted()), failed)
}
