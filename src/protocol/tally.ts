import { Durations } from './durations.js'

/** From what takes no time to what `maxProcessingMs` allows. */
const HANDLER_BOUNDS_MS = [
  ...[0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500],
  ...[1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000],
]

/** From what is handled at once to what has waited for a week. */
const AGE_BOUNDS_MS = [
  ...[5, 10, 25, 50, 100, 250, 500],
  ...[1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000],
  ...[3_600_000, 86_400_000, 604_800_000],
]

const HANDLER_CELLS = Durations.cellsFor(HANDLER_BOUNDS_MS)
const AGE_CELLS = Durations.cellsFor(AGE_BOUNDS_MS)
const FETCHED = HANDLER_CELLS + AGE_CELLS
const BUFFERED = FETCHED + 1
const CELLS = BUFFERED + 1

/** What a thread counts beside its messages, for metrics alone. Its cells are a part of the ledger, see {@link Durations}. */
export class Tally {
  /** How many cells of 8 bytes it takes. */
  static readonly cells = CELLS
  /** How long handlers ran, each attempt. */
  readonly handlers: Durations
  /** From the timestamps of messages until they were finished. */
  readonly ages: Durations
  readonly #cells: Float64Array

  /** @param cells @default memory of its own */
  constructor(cells: Float64Array = new Float64Array(CELLS)) {
    this.#cells = cells
    this.handlers = new Durations(HANDLER_BOUNDS_MS, cells.subarray(0, HANDLER_CELLS))
    this.ages = new Durations(AGE_BOUNDS_MS, cells.subarray(HANDLER_CELLS, FETCHED))
  }

  /** What brokers have sent of batches that were taken up. */
  get fetchedBytes(): number {
    return this.#cells[FETCHED] as number
  }

  /** What waits in memory to be handled. */
  get bufferedBytes(): number {
    return this.#cells[BUFFERED] as number
  }

  fetched(bytes: number): void {
    this.#cells[FETCHED] = this.fetchedBytes + bytes
  }

  buffers(bytes: number): void {
    this.#cells[BUFFERED] = bytes
  }

  /** Takes over what another one has counted; what that one buffers is gone with its thread. */
  add(other: Tally): void {
    for (let cell = 0; cell < BUFFERED; cell++)
      this.#cells[cell] = (this.#cells[cell] as number) + (other.#cells[cell] as number)
  }
}
