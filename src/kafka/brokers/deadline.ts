import { after } from '../../util/timers.js'

/** Rounds of the event loop that anything gets, however late the clock says it is. */
const ROUNDS = 4

/** Of less than a kilobyte a second nobody can live; and who sends bytes one by one could hold on for ever. */
const LEAST_BYTES_PER_MS = 1
/** However long a part is: a blocked thread gets no more in one than what one poll brings, which may be a record of TLS. */
const ENOUGH_BYTES = 16 * 1024

/** What has come from the other side so far. */
export interface Progress {
  /** Whole things: it was found, it is connected, it has answered. */
  readonly steps: number
  readonly bytes: number
}

export interface DeadlineOptions {
  readonly timeoutMs: number
  /** Each step is a sign of life, and so are bytes that come at a rate at which they come to an end. */
  readonly progress: () => Progress
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
  readonly #progress: () => Progress
  readonly #onTimeout: () => void
  #left: number
  #seen: Progress
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
    if (this.#isAlive(now)) this.#left = Math.max(this.#left, 1)
    this.#seen = now
    if (this.#left > 0) this.#wait()
    else this.#onTimeout()
  }

  #isAlive({ steps, bytes }: Progress): boolean {
    const enough = Math.min(this.#partMs * LEAST_BYTES_PER_MS, ENOUGH_BYTES)
    return steps !== this.#seen.steps || bytes - this.#seen.bytes >= enough
  }
}
