import type { RetryConfig } from '../config/resolved.js'
import type { PoolError } from '../errors.js'
import type { PauseReason } from '../protocol/reports.js'
import { backoffMs } from '../util/backoff.js'

/*
 * When a partition that stands still is tried again: pure functions of its pause. All times are monotonic ms.
 *
 *   exhausted, or unreadable ─► paused for initialPauseMs ─► tried once ─► moved on: the pause is over
 *                                 ▲                            └─ failed: paused for twice as long, up to maxPauseMs
 *                                 └───────────────────────────────────┘
 *
 *   dead letter not stored ─► not handed to any thread until it is; main tries that by itself, see dead-letters.ts
 *   too many dead letters in a row ─► paused until somebody resumes it, or for deadLetter.resumeAfterMs ─► tried once …
 *   convicted, and no dead letters ─► paused until somebody resumes it ─► tried once …
 */

/** A partition stands still although it is assigned. */
export interface Pause {
  readonly reason: PauseReason
  /** The message, or the start of the batch, at which it stands. */
  readonly offset: string
  /** `KCP_HANDLER_EXHAUSTED`, `KCP_DEAD_LETTER_…`, `KCP_MESSAGE_POISONED`, or what is wrong with the batch. */
  readonly error: PoolError
  /** How often the message was tried in all, or how many threads it has killed; null for a batch that cannot be read. */
  readonly attempts: number | null
  /** How many tries since it stands still have failed, too. */
  readonly retries: number
  readonly sinceMs: number
  /** When it is tried again; infinite when that takes somebody who resumes it; null while it is being tried. */
  readonly retryAtMs: number | null
}

/** What went wrong, and where. */
export type Standstill = Pick<Pause, 'reason' | 'offset' | 'error' | 'attempts'>

/**
 * The pause that follows when a partition stands still (again).
 *
 * @param before the pause that it was in, if any
 * @param random between 0 and 1, for the jitter
 */
export const pauseAfter = (
  before: Pause | null,
  standstill: Standstill,
  { initialPauseMs, maxPauseMs }: Pick<RetryConfig, 'initialPauseMs' | 'maxPauseMs'>,
  nowMs: number,
  random: number,
): Pause => {
  const again = before?.offset === standstill.offset && before.reason === standstill.reason ? before : null
  const retries = again === null ? 0 : again.retries + 1
  const pauseMs = backoffMs(retries + 1, { initialDelayMs: initialPauseMs, maxDelayMs: maxPauseMs }, random)
  return { ...standstill, retries, sinceMs: again?.sinceMs ?? nowMs, retryAtMs: nowMs + pauseMs }
}

/** The pause of a partition that is being tried again. */
export const tried = (pause: Pause | null): Pause | null => pause && { ...pause, retryAtMs: null }

/** The pause of a partition that somebody wants to go on: its time has come. */
export const hurried = (pause: Pause, nowMs: number): Pause =>
  pause.retryAtMs === null ? pause : { ...pause, retryAtMs: Math.min(pause.retryAtMs, nowMs) }

/** In how many whole ms it is tried again; null while it is being tried, and when that takes somebody who resumes it. */
export const retryInMsOf = (retryAtMs: Pause['retryAtMs'], nowMs: number): number | null =>
  retryAtMs === null || retryAtMs === Number.POSITIVE_INFINITY ? null : Math.max(0, Math.round(retryAtMs - nowMs))

const hasCome = ({ retryAtMs }: Pause, nowMs: number): boolean => retryAtMs !== null && retryAtMs <= nowMs

/** Whether the time has come to hand it to a thread again. */
export const isDue = (pause: Pause | null, nowMs: number): boolean =>
  pause !== null && pause.reason !== 'dead-letter' && hasCome(pause, nowMs)

/** Whether the time has come to try again to store its dead letter. */
export const isDueForLetter = (pause: Pause | null, nowMs: number): boolean =>
  pause === null || pause.reason !== 'dead-letter' || hasCome(pause, nowMs)

/**
 * Whether an offset reset has taken away what it stands at, so that nothing will ever get past it: it was not fetched yet, or
 * what is there now is something else. What was fetched before is handled still, and a dead letter is written still.
 *
 * @param from the next offset that would have been fetched
 */
export const isGone = (
  { reason, offset }: Pause,
  { from, to }: { readonly from: string; readonly to: string },
): boolean => reason !== 'dead-letter' && (BigInt(from) <= BigInt(offset) || BigInt(to) <= BigInt(offset))

/** Whether it stands still on purpose just now. */
export const isResting = (pause: Pause | null): boolean =>
  pause !== null && (pause.reason === 'dead-letter' || pause.retryAtMs !== null)

/** For a minute, with the waits of a dead letter. */
const LETTER_RETRIES = 6

/**
 * Whether trying again has been of no use: what a short outage had stopped would have moved on by then. What the breaker
 * or a message that kills has stopped waits for somebody to look at it: a restart would only write as many dead letters, or
 * kill a thread, again.
 */
const isStuck = (pause: Pause | null): boolean => {
  if (pause === null || pause.reason === 'breaker' || pause.reason === 'poisoned') return false
  return pause.retries >= (pause.reason === 'dead-letter' ? LETTER_RETRIES : 1)
}

/**
 * What becomes of a slot's partitions.
 *
 * - `stuck`: all stand still, and each was tried again in vain
 * - `idle`: there are none, or nothing has moved for long where messages wait, for whatever reason
 * - `unknown`: it is not certain which ones there are, or its thread is being replaced
 * - `moving`: all others
 */
export type Outlook = 'moving' | 'stuck' | 'idle' | 'unknown'

/**
 * @param pauses without the partitions in which nothing has moved for long for another reason
 * @param isSettled whether the slot has, and handles, exactly what it is assigned
 */
export const outlookOf = (pauses: readonly (Pause | null)[], isSettled: boolean): Outlook => {
  if (!isSettled) return 'unknown'
  if (pauses.length === 0) return 'idle'
  return pauses.every(isStuck) ? 'stuck' : 'moving'
}
