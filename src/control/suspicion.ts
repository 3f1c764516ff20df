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
 *
 * A thread that dies while it decodes what it fetched runs no handler just then; so that counts against the batch, whose
 * messages come in small pieces from then on. One that is convicted all the same is decoded no more.
 */

/** A message that was in flight when a thread died, and is not finished; or a batch that was decoded. */
export interface Suspicion {
  /** The message, or the first one of the batch. */
  readonly offset: string
  /** The last message of the batch; a message has none. */
  readonly last?: string
  /** How many threads have died while they handled it and nothing else. */
  readonly deaths: number
  /** What the last thread died of that handled it. */
  readonly error: ErrorData
  /** Wall clock; null while it is still handled, though alone. */
  readonly convictedAtMs: number | null
  /** Number of the last death in which it had company; null when there was none, or nobody knows. */
  readonly company: number | null
  /** It may have killed the whole process: no other one like it is handled in it meanwhile. */
  readonly inProcess?: true
}

/** What is held against the next message of a partition, and against a batch that is not finished. */
export interface Suspicions {
  readonly message: Suspicion | null
  readonly batch: Suspicion | null
}

/** Nobody is suspected of anything. */
export const NO_SUSPICIONS: Suspicions = { message: null, batch: null }

/** What was in flight, or decoded, at a death. */
export interface Accusation extends Pick<Suspicion, 'offset' | 'last' | 'error'> {
  /** Number of the death when others were in flight, too; null when it was alone. */
  readonly company: number | null
}

/**
 * What is held against it after one more death.
 *
 * @param before what was held against the suspect of its partition
 */
export const accused = (
  before: Suspicion | null,
  { company, ...what }: Accusation,
  convictAfter: number,
  wallMs: number,
): Suspicion => {
  const same = before?.offset === what.offset ? before : null
  const deaths = (same?.deaths ?? 0) + (company === null ? 1 : 0)
  const isConvicted = company === null && deaths >= convictAfter
  const lastCompany = company ?? same?.company ?? null
  return { ...what, deaths, convictedAtMs: isConvicted ? wallMs : null, company: lastCompany }
}

/** What still matters when everything before that offset is finished. */
export const stillOpen = ({ message, batch }: Suspicions, finishedUpTo: bigint): Suspicions => {
  const isOpen = (suspicion: Suspicion | null) =>
    suspicion !== null && BigInt(suspicion.last ?? suspicion.offset) >= finishedUpTo
  return { message: isOpen(message) ? message : null, batch: isOpen(batch) ? batch : null }
}

const acquitted = (suspicion: Suspicion | null): Suspicion | null => suspicion && { ...suspicion, convictedAtMs: null }

/** They are handled once more; if a thread dies of that, they are convicted at once. */
export const onTrialAgain = ({ message, batch }: Suspicions): Suspicions => ({
  message: acquitted(message),
  batch: acquitted(batch),
})

/**
 * A pool that was made after the conviction may be mended; a rebalance alone gives no message another thread to kill.
 *
 * @param startedAtMs when the pool was made (wall clock)
 */
const inherited = (suspicion: Suspicion | null, startedAtMs: number): Suspicion | null => {
  const convictedAtMs = suspicion?.convictedAtMs ?? null
  return convictedAtMs !== null && convictedAtMs < startedAtMs ? acquitted(suspicion) : suspicion
}

const nearerOrGraver = (known: Suspicion | null, learned: Suspicion | null): Suspicion | null => {
  if (known === null || learned === null) return known ?? learned
  const ahead = BigInt(learned.offset) - BigInt(known.offset)
  return ahead > 0n || (ahead === 0n && known.deaths >= learned.deaths) ? known : learned
}

/**
 * What is known here, and what whoever had the partition before has left: what comes first, or the graver of both. What is
 * finished must not be among it.
 */
export const together = (known: Suspicions, learned: Suspicions, startedAtMs: number): Suspicions => ({
  message: nearerOrGraver(known.message, inherited(learned.message, startedAtMs)),
  batch: nearerOrGraver(known.batch, inherited(learned.batch, startedAtMs)),
})

/** Whether it was nothing but company at a death of which another message turns out to be guilty. */
export const isCleared = ({ deaths, company }: Suspicion, convict: Suspicion): boolean =>
  deaths === 0 && company !== null && company === convict.company
