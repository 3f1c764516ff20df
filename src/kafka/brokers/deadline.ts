import { after } from '../../util/timers.js'

/** Rounds of the event loop that anything gets, however late the clock says it is. */
const ROUNDS = 4

export interface DeadlineOptions {
  readonly timeoutMs: number
  /** A number that changes with every sign of life. */
  readonly progress: () => number
  readonly onTimeout: () => void
  /** @default 4 */
  readonly rounds?: number
}

/**
 * A deadline that a thread meets although a handler blocks its event loop. What was waited for may lie in the socket
 * while the clock runs out, so time counts only in parts of `timeoutMs / rounds`, each of which ends behind a poll for
 * I/O, the last one being over only when it brought no sign of life. A free loop times out after `timeoutMs` of silence,
 * one that is blocked for `b` at a time after `rounds × b` if that is later.
 */
export class Deadline {
  readonly #partMs: number
  readonly #progress: () => number
  readonly #onTimeout: () => void
  #left: number
  #seen: number
  #timer: NodeJS.Timeout | undefined
  #immediate: NodeJS.Immediate | undefined

  constructor({ timeoutMs, progress, onTimeout, rounds = ROUNDS }: DeadlineOptions) {
    this.#partMs = timeoutMs / rounds
    this.#progress = progress
    this.#onTimeout = onTimeout
    this.#left = rounds
    this.#seen = progress()
    this.#wait()
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
  }

  /** Timers run before the poll for I/O, immediates behind it. */
  #wait(): void {
    this.#timer = after(() => {
      this.#immediate = setImmediate(() => this.#endPart())
    }, this.#partMs)
  }

  #endPart(): void {
    const now = this.#progress()
    this.#left--
    if (now !== this.#seen) this.#left = Math.max(this.#left, 1)
    this.#seen = now
    if (this.#left > 0) this.#wait()
    else this.#onTimeout()
  }
}
