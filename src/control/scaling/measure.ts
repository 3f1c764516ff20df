import { groupBy } from '../../util/group-by.js'
import type { Observation, PartitionLoad, SlotLoad } from './decide.js'

/** How the slots of a subscription do, over a while. */
export interface Load {
  /** Partitions are behind that other slots could help with. */
  readonly isBehind: boolean
  /** How many slots could have one of those that are behind, beside those that have them. */
  readonly surplus: number
  /** How many slots would handle what comes in, and what waits in time. */
  readonly wanted: number
  /** How many handlers were in flight, of all slots together. */
  readonly handlers: number
  /** How many may be in flight at once in a slot, in that which lets the fewest. */
  readonly concurrency: number
  /** How many threads would have done all that threads did, had they worked all the time. */
  readonly thread: number
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
  const loads = new Map([...(last?.slots.keys() ?? [])].map((slot) => [slot, meanOf(samples, slot)]))
  const moving = last?.partitions.filter(({ isPaused }) => !isPaused) ?? []
  const held = groupBy(moving, ({ slot }) => slot)
  const busyOf = (slot: number) => {
    const { handlers = 0, concurrency = 1, thread = 0 } = loads.get(slot) ?? {}
    return Math.min(1, Math.max(thread, handlers / Math.max(1, Math.min(concurrency, held.get(slot)?.length ?? 0))))
  }
  const busy = sum([...loads.keys()].map(busyOf))
  const flows = flowsIn(samples)
  const inTime = catchUpMs / 1_000
  const isBehind = ({ lag, handled, grows }: Flow) => lag > 0 && lag + Math.max(0, grows) * inTime > handled * inTime
  const behind = groupBy(flows.filter(isBehind), ({ slot }) => slot)
  const surplus = sum(
    [...behind].map(([slot, own]) => (busyOf(slot) < BUSY ? 0 : tooMany(own.length, loads.get(slot)))),
  )
  const bySlot = sum(flows.map(({ handled }) => handled)) / Math.max(busy, 1)
  const work = sum(flows.map(({ lag, handled, grows }) => lag / inTime + Math.max(0, handled + grows)))
  return {
    isBehind: surplus > 0,
    surplus,
    wanted: bySlot > 0 ? Math.ceil(work / bySlot) : Number.POSITIVE_INFINITY,
    handlers: sum([...loads.values()].map(({ handlers }) => handlers)),
    concurrency: Math.min(...[...loads.values()].map(({ concurrency }) => concurrency)),
    thread: sum([...loads.values()].map(({ thread }) => thread)),
    cpu: mean(samples.map(({ cpu }) => cpu)),
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const meanOf = (samples: readonly Observation[], slot: number): SlotLoad => {
  const own = samples.flatMap(({ slots }) => slots.get(slot) ?? [])
  return {
    handlers: mean(own.map(({ handlers }) => handlers)),
    concurrency: own.at(-1)?.concurrency ?? 1,
    thread: mean(own.map(({ thread }) => thread)),
  }
}

/**
 * How many slots more could do something for partitions of a busy slot that are behind. What has a message in flight all the
 * time has all that a slot can do, unless it waits for the thread.
 */
const tooMany = (partitions: number, { concurrency, thread }: SlotLoad = { handlers: 0, concurrency: 1, thread: 0 }) =>
  thread >= BUSY ? partitions - 1 : Math.ceil(partitions / concurrency) - 1

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
