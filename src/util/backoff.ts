/** How long to wait before something that failed is tried again: doubling, capped, with jitter. */
export interface Backoff {
  readonly initialDelayMs: number
  readonly maxDelayMs: number
}

const JITTER = 0.2

/** `firstMs × 2ⁿ`, never more than `longestMs`. */
export const doubled = (firstMs: number, doublings: number, longestMs: number): number =>
  // With more doublings a time of 0 would become one that is no number.
  Math.min(firstMs * 2 ** Math.min(doublings, 52), longestMs)

/**
 * `initialDelayMs × 2ⁿ⁻¹` ± 20 %, never more than `maxDelayMs`.
 *
 * @param failures how many times in a row it has failed by now; 1 or more
 * @param random between 0 and 1
 */
export const backoffMs = (failures: number, backoff: Backoff, random: number): number => {
  const plainMs = doubled(backoff.initialDelayMs, failures - 1, backoff.maxDelayMs)
  return Math.min(Math.round(plainMs * (1 - JITTER + 2 * JITTER * random)), backoff.maxDelayMs)
}
