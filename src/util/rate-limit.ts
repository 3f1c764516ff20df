/** Lets at most `perSecond` things happen in each second and counts the others. */
export class RateLimit {
  readonly #perSecond: number
  #windowStartMs = Number.NEGATIVE_INFINITY
  #allowed = 0
  #refused = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** Whether one more may happen now. */
  allows(nowMs: number): boolean {
    if (nowMs - this.#windowStartMs >= 1_000) {
      this.#windowStartMs = nowMs
      this.#allowed = 0
    }
    if (this.#allowed < this.#perSecond) {
      this.#allowed++
      return true
    }
    this.#refused++
    return false
  }

  /** How many were refused since this was last asked. */
  takeRefused(): number {
    const refused = this.#refused
    this.#refused = 0
    return refused
  }
}
