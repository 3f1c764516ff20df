import type { ErrorData } from '../protocol/error-data.js'

/*
 * Which message kills the threads that handle it: pure functions of what was in flight when they died. Within a partition
 * one message is in flight at a time, so a partition has one suspect at most: the first message that is not finished.
 *
 *   died with company ─► handled alone ─► finished: no suspect any more
 *   died alone ────────►   deaths + 1  ─► at `convictAfter`: convicted, no thread handles it any more
 *                                           └─ resumed, or a new deployment: handled alone, once more
 *
 * Only a death in which nothing else was in flight counts against a message, so none is convicted for its neighbours.
 */

/** A message that was in flight when a thread died, and is not finished. */
export interface Suspicion {
  readonly offset: string
  /** How many threads have died while they handled it and nothing else. */
  readonly deaths: number
  /** What the last thread died of that handled it. */
  readonly error: ErrorData
  /** Wall clock; null while it is still handled, though alone. */
  readonly convictedAtMs: number | null
  /** Number of the last death in which it had company; null when there was none, or nobody knows. */
  readonly company: number | null
}

/** A message that was in flight at a death. */
export interface Accusation {
  readonly offset: string
  readonly error: ErrorData
  /** Number of the death when others were in flight, too; null when it was alone. */
  readonly company: number | null
}

/**
 * What is held against a message after one more death.
 *
 * @param before what was held against the suspect of its partition
 */
export const accused = (
  before: Suspicion | null,
  { offset, error, company }: Accusation,
  convictAfter: number,
  wallMs: number,
): Suspicion => {
  const same = before?.offset === offset ? before : null
  const deaths = (same?.deaths ?? 0) + (company === null ? 1 : 0)
  const isConvicted = company === null && deaths >= convictAfter
  return {
    offset,
    deaths,
    error,
    convictedAtMs: isConvicted ? wallMs : null,
    company: company ?? same?.company ?? null,
  }
}

/** It is handled once more; if a thread dies of that, it is convicted at once. */
export const onTrialAgain = (suspicion: Suspicion): Suspicion => ({ ...suspicion, convictedAtMs: null })

/**
 * What somebody else held against a message, for a pool that takes its partition over. One that started after the conviction
 * may be mended: a rebalance alone gives no message another thread to kill.
 */
export const inherited = (suspicion: Suspicion, poolStartedAtMs: number): Suspicion =>
  suspicion.convictedAtMs !== null && suspicion.convictedAtMs < poolStartedAtMs ? onTrialAgain(suspicion) : suspicion

/** Whether it was nothing but company at a death of which another message turns out to be guilty. */
export const isCleared = ({ deaths, company }: Suspicion, convict: Suspicion): boolean =>
  deaths === 0 && company !== null && company === convict.company
