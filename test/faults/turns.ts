import { machineMs } from '#scripts/support/recorder.js'
import { every } from '#src/util/timers.js'

const PULSE_MS = 100

/**
 * Measures time as far as this process had its turn: on a machine that is busy with others nobody keeps a bound, and what
 * the harness lacks of a second the pools and the brokers lack as well.
 */
export class Turns {
  readonly #timer: NodeJS.Timeout
  readonly #now: () => number
  #passedMs = 0
  #beatAtMs: number

  /** @param now monotonic ms */
  constructor(now: () => number = machineMs) {
    this.#now = now
    this.#beatAtMs = now()
    this.#timer = every(() => this.#beat(), PULSE_MS)
  }

  /** Since the beginning. */
  get passedMs(): number {
    return this.#passedMs + Math.min(this.#now() - this.#beatAtMs, PULSE_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #beat(): void {
    this.#passedMs = this.passedMs
    this.#beatAtMs = this.#now()
  }
}
