import { burn } from '../support/burn.mjs'
import { givenByMain } from '../support/thread-data.mjs'

const { iterations, restMs, words: buffer } = givenByMain()
/** Word 0: for how many seconds the next message of slot 0 is to block. */
const words = new Int32Array(buffer)
const nothing = new Int32Array(new SharedArrayBuffer(4))

/** A little work and a rest, so that all slots together leave CPU for the one that blocks; and the block. */
export default (_message, { slot }) => {
  burn(iterations)
  Atomics.wait(nothing, 0, 0, restMs)
  const seconds = slot === 0 ? Atomics.exchange(words, 0, 0) : 0
  const until = performance.now() + seconds * 1_000
  while (performance.now() < until);
}
