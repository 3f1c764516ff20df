/** How long the main loop may stand still before anybody is told: heartbeats bear it, and a busy machine does that. */
const HUNG_MS = 5_000
/** How long it is told afterwards. */
const LATELY_MS = 30_000
/** How often {@link LoopWatch#tick} has to be called. */
export const TICK_MS = 1_000

/** For how long the main loop stood still, and how long that is over. */
export interface Hang {
  readonly forMs: number
  readonly agoMs: number
}

/** Knows whether the main loop has hung: what was to happen every second then came late. Times are monotonic. */
export class LoopWatch {
  #lastMs: number
  #hang: { readonly forMs: number; readonly endedAtMs: number } | null = null

  constructor(nowMs: number) {
    this.#lastMs = nowMs
  }

  tick(nowMs: number): void {
    const lateMs = nowMs - this.#lastMs - TICK_MS
    this.#lastMs = nowMs
    if (lateMs >= HUNG_MS) this.#hang = { forMs: lateMs, endedAtMs: nowMs }
  }

  /** The last time it hung, if that was lately. */
  hang(nowMs: number): Hang | null {
    if (nowMs - this.#lastMs - TICK_MS >= HUNG_MS) this.tick(nowMs) // whoever asks may be heard before the timer
    if (this.#hang === null || nowMs - this.#hang.endedAtMs > LATELY_MS) return null
    return { forMs: this.#hang.forMs, agoMs: nowMs - this.#hang.endedAtMs }
  }
}
