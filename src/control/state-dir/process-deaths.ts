import type { TopicPartition } from '../../kafka/metadata.js'
import { partitionName } from '../../util/partition-name.js'
import { PROCESS_DIED } from '../poison.js'
import type { Suspicion } from '../suspicion.js'

/*
 * Which message kills the whole process: pure functions of what was in flight at its deaths.
 *
 *   in flight alone, or the only one that was in flight at a death before ─► deaths + 1 ─► at `convictAfter`: convicted
 *   any other ─► suspect: of these one at a time is handled from then on, in the whole process
 */

/** What is under suspicion in one group, by partition. */
export type Counts = ReadonlyMap<string, ProcessSuspect>

export interface ProcessSuspect extends TopicPartition, Suspicion {}

const isSuspect = (said: unknown): said is ProcessSuspect => {
  if (typeof said !== 'object' || said === null) return false
  const { topic, partition, offset, deaths, error, convictedAtMs } = said as Partial<ProcessSuspect>
  const isHeld = Number.isSafeInteger(deaths) && (convictedAtMs === null || Number.isSafeInteger(convictedAtMs))
  const isSomewhere = typeof topic === 'string' && Number.isSafeInteger(partition) && /^\d{1,18}$/.test(String(offset))
  return isHeld && isSomewhere && typeof error?.message === 'string'
}

/** With what another process has left: of one partition what is further on, or the graver. What makes no sense is left out. */
export const withLeft = (counts: Counts, left: unknown): Counts => {
  const after = new Map(counts)
  for (const suspect of Array.isArray(left) ? left.filter(isSuspect) : []) {
    const known = after.get(partitionName(suspect))
    const further = known === undefined ? 1n : BigInt(suspect.offset) - BigInt(known.offset)
    if (further > 0n || (further === 0n && suspect.deaths > (known?.deaths ?? 0)))
      after.set(partitionName(suspect), suspect)
  }
  return after
}

/** A message that was in flight when the process died. */
export interface Witness extends TopicPartition {
  readonly offset: string
}

const ERROR = { name: 'ProcessDeath', code: PROCESS_DIED, message: 'the whole process died' }

/**
 * What is held against messages after one more death of the process.
 *
 * @param inFlight of that group
 * @param hadCompany whether messages of other groups were in flight, too
 */
export const afterProcessDeath = (
  counts: Counts,
  inFlight: readonly Witness[],
  hadCompany: boolean,
  convictAfter: number,
  wallMs: number,
): Counts => {
  const isKnown = (witness: Witness) => counts.get(partitionName(witness))?.offset === witness.offset
  const known = inFlight.filter(isKnown)
  const alone = inFlight.length === 1 && !hadCompany ? inFlight : []
  const [blamed] = known.length === 1 ? known : alone
  const after = new Map(counts)
  for (const witness of inFlight) {
    const name = partitionName(witness)
    const before = isKnown(witness) ? (counts.get(name)?.deaths ?? 0) : 0
    const deaths = before + (witness === blamed ? 1 : 0)
    const convictedAtMs = witness === blamed && deaths >= convictAfter ? wallMs : null
    const { topic, partition, offset } = witness
    after.set(name, { topic, partition, offset, deaths, error: ERROR, convictedAtMs, company: null, inProcess: true })
  }
  return after
}
