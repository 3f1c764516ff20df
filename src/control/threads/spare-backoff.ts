import { doubled } from '../../util/backoff.js'
import { monotonicMs } from '../../util/clock.js'
import { after } from '../../util/timers.js'

const FIRST_MS = 1_000
const MAX_MS = 60_000
const FORGET_AFTER_MS = 120_000

/** How long no spare is booted after `failures` (1 or more) in a row: 1 s × 2ⁿ up to 60 s. */
export const spareDelayMs = (failures: number): number => doubled(FIRST_MS, failures - 1, MAX_MS)

/**
 * Keeps spares from being booted over and over when they die for nothing: a handler module that kills every thread
 * which imports it would otherwise cost a core.
 */
export class SpareBackoff {
  readonly #onRested: () => void
  #failures = 0
  #restedAtMs = 0
  #timer: NodeJS.Timeout | null = null

  constructor(onRested: () => void) {
    this.#onRested = onRested
  }

  get resting(): boolean {
    return this.#timer !== null
  }

  /** A spare died. @returns in how many ms one is booted again; what dies during a rest does not lengthen it */
  rest(): number {
    if (!this.resting) {
      if (monotonicMs() - this.#restedAtMs > FORGET_AFTER_MS) this.#failures = 0
      this.#failures += 1
      this.#timer = after(() => {
        this.#timer = null
        this.#restedAtMs = monotonicMs()
        this.#onRested()
      }, spareDelayMs(this.#failures)).unref()
    }
    return spareDelayMs(this.#failures)
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
