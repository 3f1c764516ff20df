/** How often which times were taken. */
export interface DurationCounts {
  /** Upper bounds of the buckets, in ms. */
  readonly boundsMs: readonly number[]
  /** Of each bucket, not cumulative; the last is for what is above all bounds. */
  readonly counts: readonly number[]
  readonly sumMs: number
}

/**
 * A histogram of times. Its cells may be in shared memory: one thread counts, without atomics, and others read. A cell is 8
 * bytes at a multiple of 8, which no machine that Node runs on writes in two parts; what is read is at most a moment old.
 */
export class Durations {
  readonly #boundsMs: readonly number[]
  /** Of each bucket, then the sum. */
  readonly #cells: Float64Array

  constructor(boundsMs: readonly number[], cells: Float64Array = new Float64Array(Durations.cellsFor(boundsMs))) {
    this.#boundsMs = boundsMs
    this.#cells = cells
  }

  static cellsFor(boundsMs: readonly number[]): number {
    return boundsMs.length + 2
  }

  /** @param ms less than 0 counts as 0: clocks differ */
  count(ms: number): void {
    const bounds = this.#boundsMs
    const cells = this.#cells
    const took = ms > 0 ? ms : 0
    let bucket = 0
    while (bucket < bounds.length && took > (bounds[bucket] as number)) bucket++
    cells[bucket] = (cells[bucket] as number) + 1
    const sum = bounds.length + 1
    cells[sum] = (cells[sum] as number) + took
  }

  get counts(): DurationCounts {
    const buckets = this.#boundsMs.length + 1
    return {
      boundsMs: this.#boundsMs,
      counts: [...this.#cells.subarray(0, buckets)],
      sumMs: this.#cells[buckets] as number,
    }
  }
}
