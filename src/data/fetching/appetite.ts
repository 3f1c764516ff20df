import { Pace } from './pace.js'

/** What the first Fetch of a partition asks for, and the least that any asks for. */
const LEAST_BYTES = 64 * 1024
/** For how long a Fetch should last the handler, */
const AHEAD_MS = 2_000
/** and how long before the end of it the next one leaves. */
const RESERVE_MS = 1_000
/** Batches differ: a little more than the largest one lets the next one in as well. */
const MARGIN = 1.125

/** How much of one partition is worth having: as much as the handler will soon use, but no less than a whole batch. */
export class Appetite {
  readonly #pace = new Pace()
  #wholeBytes: number
  #expansion = 1
  #cutOffBytes = 0

  /** @param batchBytes size of the partition's batches as somebody else saw it; 0 when nobody did */
  constructor(batchBytes = 0) {
    this.#wholeBytes = batchBytes * MARGIN
  }

  /** Memory for each byte received; 1 or more. */
  get expansion(): number {
    return this.#expansion
  }

  /** With less than that a batch that was cut off does not come whole, whatever memory it takes; 0 when none was. */
  get leastBytes(): number {
    return this.#cutOffBytes
  }

  /** What to ask for, in bytes as they are received. */
  get askBytes(): number {
    return Math.ceil(Math.max(LEAST_BYTES, this.#wholeBytes, this.#pace.bytesPerMs * AHEAD_MS))
  }

  /** With more than that in the buffer there is no hurry. */
  get enoughBytes(): number {
    return Math.ceil(Math.max(LEAST_BYTES, this.#pace.bytesPerMs * RESERVE_MS))
  }

  /**
   * @param handledBytes of all that was ever buffered
   * @param busy whether there is something to handle from now on
   */
  handled(handledBytes: number, busy: boolean, nowMs: number): void {
    this.#pace.look(handledBytes, busy, nowMs)
  }

  /** A Fetch brought something. */
  fed(batch: { readonly bytes: number; readonly receivedBytes: number; readonly largestBytes: number }): void {
    if (batch.receivedBytes === 0) return
    this.#expansion = Math.max(1, batch.bytes / batch.receivedBytes)
    this.#wholeBytes = batch.largestBytes * MARGIN
    this.#cutOffBytes = 0
  }

  /**
   * There is something, but it did not come: a batch that is larger than what was asked for comes whole only when its
   * partition stands first (KIP-74).
   *
   * @param askedBytes how much was asked for
   * @param seenBytes the largest batch that came of any other partition
   */
  passedOver(askedBytes: number, seenBytes: number): void {
    this.#wholeBytes = Math.max(this.#wholeBytes, askedBytes * 2, seenBytes * MARGIN)
  }

  /**
   * A part of a batch came.
   *
   * @param batchBytes what it says of its own size, which need not be true: so each time no less than twice as much is
   *   asked for, up to the limit at which the batch is given up
   */
  cutOff(askedBytes: number, batchBytes: number): void {
    this.#cutOffBytes = Math.max(askedBytes * 2, batchBytes)
    this.#wholeBytes = Math.max(this.#wholeBytes, this.#cutOffBytes)
  }
}
