/** After this long an observation counts half. */
const HALF_LIFE_MS = 250

/** How fast the handler gets through a partition while there is something to handle; older observations fade. */
export class Pace {
  #bytes = 0
  #ms = 0
  #handledBytes = 0
  #lookedMs = 0
  #busy = false

  /** 0 until something was handled. */
  get bytesPerMs(): number {
    return this.#ms === 0 ? 0 : this.#bytes / this.#ms
  }

  /**
   * @param handledBytes since ever
   * @param busy whether there is something to handle from now on
   */
  look(handledBytes: number, busy: boolean, nowMs: number): void {
    const passedMs = nowMs - this.#lookedMs
    if (this.#busy && passedMs > 0) {
      const weight = 0.5 ** (passedMs / HALF_LIFE_MS)
      this.#bytes = this.#bytes * weight + handledBytes - this.#handledBytes
      this.#ms = this.#ms * weight + passedMs
    }
    if (this.#busy && passedMs <= 0) return
    this.#handledBytes = handledBytes
    this.#lookedMs = nowMs
    this.#busy = busy
  }
}
