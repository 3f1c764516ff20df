import { decide, initialState, type Observation, type ScalingLimits, windowMs } from '#src/control/scaling/decide.js'

/** A subscription and what comes in, as far as a decision about its slots depends on that. */
export interface World {
  readonly limits?: Partial<ScalingLimits>
  readonly partitions: number
  /** Messages a second that come into a partition at a time in seconds. */
  readonly arrivals: (partition: number, atS: number) => number
  /** Messages a second that one handler of a slot handles. */
  readonly speed: number
  /** How many of its handlers may be in flight at once, each with a message of another partition. @default 1 */
  readonly concurrency?: number
  /** How many slots there are at first. @default the least */
  readonly startsWith?: number
  /** How many cores the process has. @default 64 */
  readonly cores?: number
  /** Which part of a core a busy slot takes. @default 1 */
  readonly coresOfSlot?: number
  /** Partitions of which nothing can be handled. */
  readonly stuck?: readonly number[]
  readonly pausesStuck?: boolean
  readonly hours: number
  /** Noise of what is seen: what `Math.random` gives. @default none */
  readonly random?: () => number
}

export interface Change {
  readonly atS: number
  readonly from: number
  readonly to: number
  readonly reason: string
}

export interface Course {
  readonly changes: readonly Change[]
  /** How many slots there were, by second. */
  readonly slots: readonly number[]
  /** Of all partitions that are not stuck, by second. */
  readonly lag: readonly number[]
}

/** How long a change takes, with its rebalance. */
const CHANGE_S = 3

/** Plays what the decisions make of a load, second for second. */
export const play = (world: World): Course => {
  const limits: ScalingLimits = { min: 1, max: 8, catchUpMs: 30_000, quietMs: 120_000, ...world.limits }
  const { partitions, arrivals, speed, concurrency = 1, cores = 64, coresOfSlot = 1, stuck = [], random } = world
  const every = Math.max(1, Math.round(windowMs(limits) / 10_000))
  const lag = Array.from({ length: partitions }, () => 0)
  const finished = Array.from({ length: partitions }, () => 0)
  const changes: Change[] = []
  const course = { changes, slots: [] as number[], lag: [] as number[] }
  let state = initialState(limits, 0)
  let slots = world.startsWith ?? limits.min
  let settledAtS = 0
  for (let atS = 1; atS <= world.hours * 3_600; atS++) {
    const handlers = new Map<number, number>()
    for (let slot = 0; slot < slots; slot++) {
      const own = lag.map((_, partition) => partition).filter((partition) => partition % slots === slot)
      for (const partition of own) lag[partition] = (lag[partition] ?? 0) + arrivals(partition, atS)
      const most = atS < settledAtS ? 0 : speed * concurrency
      let left = most
      const open = own.filter((partition) => !stuck.includes(partition))
      // What there is to do is shared out among them, the least first.
      open.sort((a, b) => (lag[a] ?? 0) - (lag[b] ?? 0))
      open.forEach((partition, place) => {
        const done = Math.min(lag[partition] ?? 0, speed, left / (open.length - place))
        lag[partition] = (lag[partition] ?? 0) - done
        finished[partition] = (finished[partition] ?? 0) + done
        left -= done
      })
      handlers.set(slot, (most - left) / speed)
    }
    course.slots.push(slots)
    course.lag.push(lag.reduce((sum, each, partition) => sum + (stuck.includes(partition) ? 0 : each), 0))
    if (atS % every !== 0) continue
    const used = [...handlers.values()].reduce((sum, each) => sum + each, 0) * coresOfSlot
    const noisy = (value: number) => (random === undefined ? value : Math.round(value * (0.9 + 0.2 * random())))
    const observation: Observation = {
      atMs: atS * 1_000,
      isSettled: atS >= settledAtS,
      slots: new Map([...handlers].map(([slot, own]) => [slot, { handlers: own, concurrency, thread: 0 }])),
      cpu: Math.min(1, used / cores),
      partitions: lag.map((each, partition) => ({
        name: `t-${partition}`,
        slot: partition % slots,
        finishedUpTo: Math.floor(finished[partition] ?? 0),
        lag: noisy(Math.floor(each)),
        isPaused: world.pausesStuck === true && stuck.includes(partition),
      })),
    }
    const decided = decide(state, observation, limits)
    state = decided.state
    if (decided.decision === null) continue
    const { to, reason } = decided.decision
    changes.push({ atS, from: slots, to, reason })
    slots = to
    settledAtS = atS + CHANGE_S
  }
  return course
}
