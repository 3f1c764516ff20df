/** How much longer a connection gets on which bytes are still arriving. */
const GRACE_MS = 1_000

/** Node fires a timer that is set to more than this at once. */
const MAX_TIMER_MS = 2 ** 31 - 1

/**
 * Watches one request. A thread that a synchronous handler blocked finds the timer due although the answer already
 * waits in its socket; so when the time is up, the event loop gets one turn to read before that counts. And while bytes
 * keep arriving the connection lives: the answer may be behind them.
 */
export class RequestTimer {
  readonly #bytesRead: () => number
  readonly #onTimeout: () => void
  #timer: NodeJS.Timeout
  #immediate: NodeJS.Immediate | undefined

  /** @param bytesRead how much has arrived on the connection so far */
  constructor(timeoutMs: number, bytesRead: () => number, onTimeout: () => void) {
    this.#bytesRead = bytesRead
    this.#onTimeout = onTimeout
    this.#timer = setTimeout(() => this.#timeIsUp(bytesRead()), Math.min(timeoutMs, MAX_TIMER_MS))
  }

  stop(): void {
    clearTimeout(this.#timer)
    clearImmediate(this.#immediate)
  }

  /** @param seen what had arrived when the connection was last known to be silent */
  #timeIsUp(seen: number): void {
    this.#immediate = setImmediate(() => {
      const now = this.#bytesRead()
      if (now === seen) this.#onTimeout()
      else this.#timer = setTimeout(() => this.#timeIsUp(now), GRACE_MS)
    })
  }
}
