const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)

/**
 * How long before the end of a drain its handlers are told to give up: late, because what they still finish need not be
 * done again, and early enough that what comes back then is noted before their threads are ended. A tenth of the drain,
 * from 200 ms to 3 s (a handler hears of it within 25 ms), but never more than half of it.
 */
export const giveUpLeadMs = (drainTimeoutMs: number): number =>
  Math.min(clamp(drainTimeoutMs / 10, 200, 3_000), drainTimeoutMs / 2)
