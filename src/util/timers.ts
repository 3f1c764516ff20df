import { setTimeout as pause } from 'node:timers/promises'

/*
 * Every timer of the package. Node fires one that is set to 2³¹ ms or more after 1 ms, and any sum or product of two times
 * that are allowed may be that long.
 */

/** Some 24 days. What is due later is due then. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1

const capped = (ms: number): number => Math.min(Math.max(ms, 0), LONGEST_TIMER_MS)

/** `setTimeout` for any time. */
export const after = (action: () => void, ms: number): NodeJS.Timeout => setTimeout(action, capped(ms))

/** `setInterval` for any time. */
export const every = (action: () => void, ms: number): NodeJS.Timeout => setInterval(action, capped(ms))

/**
 * Resolves after `ms`, or rejects when `signal` is aborted.
 *
 * @param options.ref whether the process stays alive for it @default true
 */
export const sleep = (ms: number, options: { readonly signal?: AbortSignal; readonly ref?: boolean } = {}) =>
  pause<void>(capped(ms), undefined, options)
