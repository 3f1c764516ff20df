import process from 'node:process'

const COUNT = 0
const DONE = 1

/**
 * Counts calls over all threads and takes the time of a window: from call number `warmUp` to call number `target`. What
 * comes before (start, first fetch, compilation) and after (the tail, in which some threads have no work left) is not
 * measured, for no contender.
 */
export class Meter {
  #counts
  #times

  constructor(shared) {
    this.shared = shared
    this.#counts = new Int32Array(shared.buffer, 0, 2)
    this.#times = new BigInt64Array(shared.buffer, 8, 2)
  }

  static create({ target, warmUp = Math.ceil(target / 20) }) {
    return new Meter({ buffer: new SharedArrayBuffer(24), target, warmUp })
  }

  get count() {
    return Atomics.load(this.#counts, COUNT)
  }

  get open() {
    return this.count < this.shared.target
  }

  /** One more call. */
  tick() {
    this.add(1)
  }

  /** More calls at once, so that a thread that counts for itself need not touch shared memory at each. */
  add(calls) {
    const { warmUp, target } = this.shared
    const before = Atomics.add(this.#counts, COUNT, calls)
    const after = before + calls
    if (before < warmUp && after >= warmUp) Atomics.store(this.#times, 0, process.hrtime.bigint())
    if (before < target && after >= target) {
      Atomics.store(this.#times, 1, process.hrtime.bigint())
      Atomics.store(this.#counts, DONE, 1)
      Atomics.notify(this.#counts, DONE)
    }
  }

  /** Waits, without polling, for call number `target`. @returns calls a second within the window */
  async rate({ withinMs }) {
    const waiting = Atomics.waitAsync(this.#counts, DONE, 0, withinMs)
    if ((await waiting.value) === 'timed-out') {
      throw new Error(`only ${this.count} of ${this.shared.target} messages were handled within ${withinMs / 1000} s`)
    }
    const { warmUp, target } = this.shared
    return ((target - warmUp) / Number(this.#times[1] - this.#times[0])) * 1e9
  }
}
