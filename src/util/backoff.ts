/** How long to wait before something that failed is tried again: doubling, capped, with jitter. */
export interface Backoff {
  readonly initialDelayMs: number
  readonly maxDelayMs: number
}

const JITTER = 0.2

/**
 * `initialDelayMs × 2ⁿ⁻¹` ± 20 %, never more than `maxDelayMs`.
 *
 * @param failures how many times in a row it has failed by now; 1 or more
 * @param random between 0 and 1
 */
export const backoffMs = (failures: number, backoff: Backoff, random: number): number => {
  const doublings = Math.min(failures - 1, 52)
  const plainMs = Math.min(backoff.initialDelayMs * 2 ** doublings, backoff.maxDelayMs)
  return Math.min(Math.round(plainMs * (1 - JITTER + 2 * JITTER * random)), backoff.maxDelayMs)
}
