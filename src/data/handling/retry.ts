import type { SlotConfig } from '../../config/resolved.js'
import { NonRetriableError } from '../../errors.js'
import type { DeadLetterReason } from '../../protocol/reports.js'
import { backoffMs } from '../../util/backoff.js'

/** What becomes of a message whose attempt failed. */
export type FailureVerdict =
  | { readonly outcome: 'retry'; readonly delayMs: number }
  | { readonly outcome: 'dead-letter'; readonly reason: DeadLetterReason }
  | { readonly outcome: 'paused' | 'skipped' }

export interface FailurePolicy extends Pick<SlotConfig, 'onExhausted' | 'deadLetter'> {
  readonly retry: Pick<SlotConfig['retry'], 'attempts' | 'initialDelayMs' | 'maxDelayMs'>
}

/** By name too: the handler may have the class from another copy of this package. A revoked proxy may not be looked at. */
const isNonRetriable = (thrown: unknown): boolean => {
  try {
    if (thrown instanceof NonRetriableError) return true
    return (thrown as { name?: unknown } | null | undefined)?.name === 'NonRetriableError'
  } catch {
    return false
  }
}

/**
 * A message that was exhausted before is tried once and then stands still again, for longer: a pause for each attempt
 * would keep whoever it fails because of (a database) busier than the pauses of the partition mean to.
 *
 * @param attempt the one that failed; 1 is the first
 * @param random between 0 and 1, for the jitter
 * @param wasExhausted whether its partition stood still because of it before
 */
export const judgeFailure = (
  attempt: number,
  thrown: unknown,
  policy: FailurePolicy,
  random: number,
  wasExhausted = false,
): FailureVerdict => {
  const isFinal = isNonRetriable(thrown)
  if (!wasExhausted && attempt < policy.retry.attempts && !isFinal) {
    return { outcome: 'retry', delayMs: backoffMs(attempt, policy.retry, random) }
  }
  if (policy.deadLetter !== null) return { outcome: 'dead-letter', reason: isFinal ? 'non-retriable' : 'exhausted' }
  return { outcome: policy.onExhausted === 'skip' ? 'skipped' : 'paused' }
}
