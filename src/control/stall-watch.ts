import type { Holding } from './holdings.js'
import { lagOf, reached } from './holdings.js'

/** Messages wait in a partition that is free to move. */
const waits = (holding: Holding): boolean => holding.paused === null && (lagOf(holding) ?? 0n) > 0n

/** Notices that messages wait and nothing moves, whatever the reason. */
export class StallWatch {
  #progress = ''
  #sinceMs: number | null = null

  /**
   * Looks again. Call it about once a second.
   *
   * @param busy a handler is in flight: then the watch over its time is the one that counts
   * @returns for how many ms nothing has moved although messages wait; 0 when all is well
   */
  look(holdings: readonly Holding[], busy: boolean, nowMs: number): number {
    const waiting = holdings.filter(waits)
    const progress = waiting.map((holding) => `${holding.id}@${reached(holding)}`).join()
    if (busy || waiting.length === 0) this.#sinceMs = null
    else if (this.#sinceMs === null || progress !== this.#progress) this.#sinceMs = nowMs
    this.#progress = progress
    return this.stalledMs(nowMs)
  }

  /** For how many ms it has stood still when last looked at. */
  stalledMs(nowMs: number): number {
    return this.#sinceMs === null ? 0 : nowMs - this.#sinceMs
  }
}
