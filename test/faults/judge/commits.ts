import { groupBy } from '#src/util/group-by.js'
import { type Commit, type Evidence, lastBefore, place, type Violation, violation } from './evidence.js'
import type { Owners } from './owners.js'

const byPartition = (commits: readonly Commit[]): Map<number, Commit[]> =>
  groupBy(commits, ({ partition }) => partition)

/** What the group has stored is never taken back. */
export const neverBack = ({ commits }: Evidence): Violation[] =>
  [...byPartition(commits)].flatMap(([partition, list]) =>
    list.flatMap(({ offset, atMs }, n) => {
      const before = list[n - 1]?.offset ?? -1
      if (offset !== null && offset >= before) return []
      return [violation('committed never moves back', `${partition}: from ${before} to ${offset}`, atMs)]
    }),
  )

/** All messages in front of a committed offset are finished when it is stored. */
export const onlyFinished = (evidence: Evidence): Violation[] => {
  const { commits, record, heard, stored, deadLetters, clockMs } = evidence
  const finishedAtMs = new Map<string, number>()
  for (const handling of record) {
    if (handling.outcome !== 'finished' || handling.endMs === null) continue
    const at = place(handling)
    finishedAtMs.set(at, Math.min(finishedAtMs.get(at) ?? Number.POSITIVE_INFINITY, handling.endMs))
  }
  for (const letter of deadLetters) {
    const at = place(letter)
    // A pool that dies in the moment in which a dead letter is stored does not say so any more.
    const told = heard.find(({ event, payload }) => event === 'message:dead-lettered' && place(payload as never) === at)
    finishedAtMs.set(at, Math.min(finishedAtMs.get(at) ?? Number.POSITIVE_INFINITY, told?.atMs ?? 0))
  }
  return [...byPartition(commits)].flatMap(([partition, list]) => {
    const faults: Violation[] = []
    let next = stored.find((range) => range.partition === partition)?.from ?? 0
    for (const { offset, atMs } of list) {
      for (; next < (offset ?? 0); next++) {
        const at = place({ partition, offset: next })
        const endMs = finishedAtMs.get(at)
        if (endMs !== undefined && endMs <= atMs + clockMs) continue
        const when = endMs === undefined ? 'never' : `${(endMs - atMs).toFixed(1)} ms later`
        const what = `${partition}: ${offset} was stored, and ${at} was finished ${when}`
        faults.push(violation('committed ≤ lowest unfinished', what, atMs))
      }
    }
    return faults
  })
}

/** Nobody begins what was committed when it became a member: it reads where to begin after that. */
export const committedIsFinal = ({ commits, record, clockMs }: Evidence, owners: Owners): Violation[] => {
  const lists = byPartition(commits)
  return record.flatMap((handling) => {
    const { partition, offset, startMs } = handling
    const joined = owners.of(handling)
    if (joined === undefined) return []
    const stored = lastBefore(lists.get(partition) ?? [], joined.atMs - clockMs)
    if (stored === undefined || (stored.offset ?? 0) <= offset) return []
    const what = `${place(handling)} was begun by process ${handling.pid}, slot ${handling.slot}, though ${stored.offset} had been stored`
    return [violation('committed is final', what, startMs)]
  })
}
