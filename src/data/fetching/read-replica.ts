import { backoffMs } from '../../util/backoff.js'

/** The first pause after a follower refused; each further one is twice as long. */
const FIRST_PAUSE_MS = 1_000

/**
 * Which follower one partition is read from instead of its leader (KIP-392).
 *
 * The leader names it, again with every answer to a Fetch that carries a rack id, and sends no records then. So a
 * follower that cannot be read would be met again at once, for ever: for a while the leader is asked without a rack id,
 * and sends the records itself.
 */
export class ReadReplica {
  #node: number | null = null
  #untilMs = Number.NEGATIVE_INFINITY
  #leaderUntilMs = Number.NEGATIVE_INFINITY
  #failures = 0

  /** Node id; null while the leader itself is read from. */
  get node(): number | null {
    return this.#node
  }

  /** False while the leader shall not name a follower. */
  isWelcome(nowMs: number): boolean {
    return nowMs >= this.#leaderUntilMs
  }

  /**
   * Somebody answered without an error.
   *
   * @param preferred whom the answer names; -1 for nobody
   * @param leaseMs how long a follower is read from before the leader is asked once more which one is best now
   * @returns whether the partition is to be read from another node from now on
   */
  answered(node: number, preferred: number, nowMs: number, leaseMs: number): boolean {
    if (node === this.#node) this.#failures = 0
    if (preferred >= 0 && preferred !== node && this.isWelcome(nowMs)) {
      this.#node = preferred
      this.#untilMs = nowMs + leaseMs
      return true
    }
    if (this.#node === null || nowMs < this.#untilMs) return false
    this.#node = null
    return true
  }

  /**
   * The follower cannot be read.
   *
   * @param answered it did answer, with an error that may be over soon; else only trying tells, which costs a timeout
   * @param longestMs the longest pause
   * @returns for how long the leader is read from, in ms
   */
  failed(answered: boolean, nowMs: number, longestMs: number): number {
    this.#node = null
    this.#failures += 1
    const growing = { initialDelayMs: FIRST_PAUSE_MS, maxDelayMs: longestMs }
    const pauseMs = answered ? backoffMs(this.#failures, growing, Math.random()) : longestMs
    this.#leaderUntilMs = nowMs + pauseMs
    return pauseMs
  }

  /** The leader is looked up anew, so whom it prefers is open too. */
  forget(): void {
    this.#node = null
  }
}
