import { groupBy } from '../../util/group-by.js'
import type { Observation, PartitionLoad } from './decide.js'

/** How the slots of a subscription do, over a while. */
export interface Load {
  /** Partitions are behind that other slots could help with. */
  readonly isBehind: boolean
  /** How many slots could have one of those that are behind, beside those that have them. */
  readonly surplus: number
  /** How many slots would handle what comes in, and what waits in time. */
  readonly wanted: number
  /** How many slots would have done all that was done, had they been busy all the time. */
  readonly busy: number
  /** Which part of its cores the process has used. */
  readonly cpu: number
}

/** What happens in a partition, in messages a second. */
interface Flow {
  readonly slot: number
  readonly lag: number
  readonly handled: number
  readonly grows: number
}

/** A slot that does less than this has something else to wait for than time to handle messages. */
const BUSY = 0.7

const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length

/** @param samples the first of which is so old as the while is long; with the same slots */
export const measure = (samples: readonly Observation[], catchUpMs: number): Load => {
  const last = samples.at(-1)
  const busyOf = new Map([...(last?.busy.keys() ?? [])].map((slot) => [slot, mean(busyIn(samples, slot))]))
  const busy = sum([...busyOf.values()])
  const flows = flowsIn(samples)
  const inTime = catchUpMs / 1_000
  const isBehind = ({ lag, handled, grows }: Flow) => lag > 0 && lag + Math.max(0, grows) * inTime > handled * inTime
  const behind = groupBy(flows.filter(isBehind), ({ slot }) => slot)
  // What is behind alone in its slot has all that a slot can do.
  const crowded = [...behind].filter(([slot, own]) => own.length > 1 && (busyOf.get(slot) ?? 0) >= BUSY)
  const surplus = sum(crowded.map(([, own]) => own.length - 1))
  const bySlot = sum(flows.map(({ handled }) => handled)) / Math.max(busy, 1)
  const work = sum(flows.map(({ lag, handled, grows }) => lag / inTime + Math.max(0, handled + grows)))
  return {
    isBehind: surplus > 0,
    surplus,
    wanted: bySlot > 0 ? Math.ceil(work / bySlot) : Number.POSITIVE_INFINITY,
    busy,
    cpu: mean(samples.map(({ cpu }) => cpu)),
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const busyIn = (samples: readonly Observation[], slot: number): number[] =>
  samples.flatMap(({ busy }) => busy.get(slot) ?? [])

/** Of partitions that move, as far as they were there at the beginning of the while. */
const flowsIn = (samples: readonly Observation[]): Flow[] => {
  const [first] = samples
  const last = samples.at(-1)
  if (first === undefined || last === undefined || first === last) return []
  const before = new Map(first.partitions.map((partition) => [partition.name, partition]))
  const seconds = (last.atMs - first.atMs) / 1_000
  return last.partitions.flatMap((now) => flow(before.get(now.name), now, seconds))
}

const flow = (before: PartitionLoad | undefined, now: PartitionLoad, seconds: number): Flow[] => {
  const { slot, lag, finishedUpTo, isPaused } = now
  if (before === undefined || lag === null || before.lag === null || isPaused) return []
  const handled = Math.max(0, finishedUpTo - before.finishedUpTo) / seconds
  return [{ slot, lag, handled, grows: (lag - before.lag) / seconds }]
}
