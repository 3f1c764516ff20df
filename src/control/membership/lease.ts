import { monotonicMs, wallAheadMs } from '../../util/clock.js'

/** When a request was sent. */
export interface Sent {
  /** Monotonic. */
  readonly atMs: number
  /** How far the wall clock was ahead: the machine may sleep before the answer is read. */
  readonly aheadMs: number
}

export const now = (): Sent => ({ atMs: monotonicMs(), aheadMs: wallAheadMs() })

/** Until when the coordinator keeps a member without hearing of it again. */
export class Lease {
  readonly #sessionMs: number
  readonly #tell: (untilMs: number) => void
  #untilMs = 0

  /** @param tell told of each extension (monotonic ms) */
  constructor(sessionMs: number, tell: (untilMs: number) => void) {
    this.#sessionMs = sessionMs
    this.#tell = tell
  }

  get isValid(): boolean {
    return monotonicMs() < this.#untilMs
  }

  /** The coordinator has agreed to what was sent then. */
  extend({ atMs, aheadMs }: Sent): void {
    this.#untilMs = atMs + this.#sessionMs - Math.max(0, wallAheadMs() - aheadMs)
    this.#tell(this.#untilMs)
  }
}
