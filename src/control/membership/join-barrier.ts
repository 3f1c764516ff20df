import { after } from '../../util/timers.js'

/**
 * Lets the seats of one group that start together get their member ids first and join second, all at the same moment.
 * The coordinator waits for every member id that it has given out (in an empty group: for as long as its
 * `group.initial.rebalance.delay.ms` says), so a start of n seats is one generation instead of n.
 *
 * @see KIP-394 (member id required)
 */
export class JoinBarrier {
  #missing: number
  readonly #open: Promise<void>
  #release: () => void = () => {}
  readonly #timeoutMs: number
  #timer: NodeJS.Timeout | undefined

  /**
   * @param seats how many are expected
   * @param timeoutMs so long after the first has come the barrier opens, whoever is missing
   */
  constructor(seats: number, timeoutMs = 5_000) {
    this.#missing = seats
    this.#timeoutMs = timeoutMs
    this.#open = new Promise((resolve) => {
      this.#release = resolve
    })
    if (seats <= 1) this.open()
  }

  /** One seat has its member id (or will never need one). Resolves when all have. */
  arrive(): Promise<void> {
    this.#missing -= 1
    this.#timer ??= after(this.#release, this.#timeoutMs).unref()
    if (this.#missing <= 0) this.open()
    return this.#open
  }

  open(): void {
    clearTimeout(this.#timer)
    this.#release()
  }
}
