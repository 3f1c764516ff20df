/**
 * Milliseconds of the machine's monotonic clock, the same number in every thread of the process.
 * (`performance.now()` alone counts from the birth of each thread.)
 */
const originMs = Number(process.hrtime.bigint()) / 1e6 - performance.now()

export const monotonicMs = (): number => originMs + performance.now()

/**
 * By how many ms the wall clock is ahead of the monotonic one, which stands still while the machine is suspended: what it
 * has grown by is the time that was slept through (or the wall clock was set).
 */
export const wallAheadMs = (): number => Date.now() - monotonicMs()

/** What is shorter than that need not be a freeze: on a busy machine much comes late, while the handlers go on. */
const LEAST_FREEZE_MS = 1_000

/**
 * For how long the process stood still (SIGSTOP, a paused machine, no turn on the CPU), and its handlers with it, when main,
 * which nothing blocks, does by so much later what was due.
 */
export const frozenMs = (lateMs: number): number => (lateMs > LEAST_FREEZE_MS ? lateMs : 0)

/** A monotonic time as Int32, so that it fits one atomic word; differences wrap correctly for 24 days. */
export const toTicks = (ms: number): number => ms | 0

/** Milliseconds from `since` to `until`, both as ticks; negative when `until` is the earlier one. */
export const ticksBetween = (since: number, until: number): number => (until - since) | 0
