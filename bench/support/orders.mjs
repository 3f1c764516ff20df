/** Ways for a handler to take its thread down. */
export const CrashKind = {
  throwOutside: 1,
  exit: 2,
  hang: 3,
  outOfMemory: 4,
}

export const CRASH_KINDS = Object.keys(CrashKind)

const ITERATIONS = 0
const REST_MS = 1
const FIRST_SLOT = 2

/**
 * What the program tells its handlers while they run: which slot is to crash at its next message, and how much a
 * message has to work.
 */
export class Orders {
  #words

  constructor(buffer) {
    this.buffer = buffer
    this.#words = new Int32Array(buffer)
  }

  static create(slots, load) {
    const orders = new Orders(new SharedArrayBuffer((FIRST_SLOT + slots) * 4))
    orders.setLoad(load)
    return orders
  }

  /** CPU work of each message, as iterations of `burn`. */
  get iterations() {
    return Atomics.load(this.#words, ITERATIONS)
  }

  /** For how many ms each message blocks its thread without using the CPU. */
  get restMs() {
    return Atomics.load(this.#words, REST_MS)
  }

  /** Work of each message from now on. */
  setLoad({ iterations, restMs }) {
    Atomics.store(this.#words, ITERATIONS, iterations)
    Atomics.store(this.#words, REST_MS, restMs)
  }

  /** Lets what is left of a topic pass quickly. */
  hurry() {
    this.setLoad({ iterations: 0, restMs: 0 })
  }

  /** The slot's next message takes its thread down. */
  crash(slot, kind) {
    Atomics.store(this.#words, FIRST_SLOT + slot, CrashKind[kind])
  }

  /** In the handler: the order for this slot, which is carried out once; 0 when there is none. */
  take(slot) {
    return Atomics.exchange(this.#words, FIRST_SLOT + slot, 0)
  }
}
