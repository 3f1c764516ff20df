import { burn } from '../support/burn.mjs'
import { givenByMain } from '../support/thread-data.mjs'

const { iterations, restMs, block, words: buffer } = givenByMain()
/** Word 0: for how many seconds the next message of slot 0 is to block. */
const words = new Int32Array(buffer)
const nothing = new Int32Array(new SharedArrayBuffer(4))

const blockFor = {
  /** As a synchronous call that waits for something does. */
  wait: (ms) => Atomics.wait(nothing, 0, 0, ms),
  /** As an endless computation does. */
  burn: (ms) => {
    const until = performance.now() + ms
    while (performance.now() < until);
  },
}

/** A little work and a rest, so that the slots together leave the CPU half idle; and once, for slot 0, the block. */
export default (_message, { slot }) => {
  burn(iterations)
  Atomics.wait(nothing, 0, 0, restMs)
  const seconds = slot === 0 ? Atomics.exchange(words, 0, 0) : 0
  if (seconds > 0) blockFor[block](seconds * 1_000)
}
