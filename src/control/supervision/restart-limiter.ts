import { setMaxListeners } from 'node:events'
import PQueue from 'p-queue'
import { RESTARTS_PER_SECOND } from '../../config/rules/own-times.js'

/** Spreads the restarts of a whole pool, so that a storm of crashes does not take the cores from the slots that run. */
export class RestartLimiter {
  readonly #queue: PQueue
  readonly #cancelled = new AbortController()

  /** @param perSecond @default 20 */
  constructor(perSecond: number = RESTARTS_PER_SECOND) {
    // `strict`: the cap holds for every second, not for each second of a raster (where two caps can meet).
    setMaxListeners(Number.POSITIVE_INFINITY, this.#cancelled.signal) // one for each slot that waits
    this.#queue = new PQueue({ intervalCap: perSecond, interval: 1_000, strict: true })
  }

  /** Resolves with true when a restart may go ahead, and with false when `cancel` was called. */
  async admit(): Promise<boolean> {
    const { signal } = this.#cancelled
    if (signal.aborted) return false
    return this.#queue.add(() => true, { signal }).catch(() => false)
  }

  /** Turns everyone away, those who wait and those who come. */
  cancel(): void {
    this.#cancelled.abort()
    this.#queue.clear()
  }
}
