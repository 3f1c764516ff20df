import { doubled } from '../../util/backoff.js'

/*
 * How often a slot's thread is recycled because its heap is full: pure functions of the times before. A leak fills one
 * heap after the other, and each replacement does much work before. A handler that needs nearly all of its heap fills each
 * at once: to recycle it is of no use, and in a loop it costs more than the work.
 */

/** When the heap of a thread was full for the first time. */
export interface Filling {
  /** Messages that the thread had finished. */
  readonly finished: number
  readonly livedMs: number
}

/** What is remembered of the heaps of a slot that were full. */
export interface FillingHistory {
  /** How many recycled threads in a row were full at once. */
  readonly atOnce: number
  readonly recycledAtMs: number
}

export const NO_FILLINGS: FillingHistory = { atOnce: 0, recycledAtMs: Number.NEGATIVE_INFINITY }

/** Below both of these the heap was full at once. */
const AT_ONCE = { finished: 50, livedMs: 10_000 } as const
const FIRST_WAIT_MS = 1_000
/** A thread that is full works on meanwhile. */
const LONGEST_WAIT_MS = 600_000
/** One that is brimful stands still. To replace one takes a tenth of that from a core, or less. */
const LONGEST_STANDSTILL_MS = 10_000

export const isAtOnce = ({ finished, livedMs }: Filling): boolean =>
  finished < AT_ONCE.finished && livedMs < AT_ONCE.livedMs

/** The history with one more thread that was recycled because its heap was full. */
export const afterFilling = ({ atOnce }: FillingHistory, filling: Filling, nowMs: number): FillingHistory => ({
  atOnce: isAtOnce(filling) ? atOnce + 1 : 0,
  recycledAtMs: nowMs,
})

/** From when on a thread whose heap is full may be recycled for that (monotonic ms). */
export const recycleDueMs = ({ atOnce, recycledAtMs }: FillingHistory, standsStill: boolean): number =>
  atOnce === 0
    ? Number.NEGATIVE_INFINITY
    : recycledAtMs + doubled(FIRST_WAIT_MS, atOnce - 1, standsStill ? LONGEST_STANDSTILL_MS : LONGEST_WAIT_MS)
