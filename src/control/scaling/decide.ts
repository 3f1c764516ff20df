import type { PoolScaled } from '../events.js'
import { measure } from './measure.js'

/** A partition that the pool holds. */
export interface PartitionLoad {
  readonly name: string
  /** The slot that holds it. */
  readonly slot: number
  readonly finishedUpTo: number
  /** Messages that wait; null while that is not known. */
  readonly lag: number | null
  /** It stands still, and no slot can change that. */
  readonly isPaused: boolean
}

/** What a slot does at a moment. */
export interface SlotLoad {
  /** How many handlers are in flight. */
  readonly handlers: number
  /** How many may be at once, each with a message of another partition. */
  readonly concurrency: number
  /** Which part of the time its thread works, from 0 to 1. */
  readonly thread: number
}

/** What is seen of the slots of a subscription at a moment. */
export interface Observation {
  /** Monotonic. */
  readonly atMs: number
  /** No rebalance is under way, no slot comes or goes, and none is parked. */
  readonly isSettled: boolean
  /** By number. */
  readonly slots: ReadonlyMap<number, SlotLoad>
  /** Which part of the cores that the process may use it uses, from 0 to 1. */
  readonly cpu: number
  readonly partitions: readonly PartitionLoad[]
}

export interface ScalingLimits {
  readonly min: number
  readonly max: number
  readonly catchUpMs: number
  readonly quietMs: number
}

/** So many slots would have been enough at that time. */
interface Need {
  readonly atMs: number
  readonly slots: number
}

/** What is remembered between two observations. */
export interface ScalingState {
  /** Those of the last while. */
  readonly samples: readonly Observation[]
  /** How many slots there were. */
  readonly slots: number
  readonly behindSinceMs: number | null
  /** Since when the number of slots is what it is. */
  readonly sinceMs: number
  /** The peaks of the last quiet while: later ones are lower. */
  readonly needs: readonly Need[]
  /** How long the quiet has to last before slots are removed. */
  readonly quietMs: number
  /** When some were removed last. */
  readonly removedAtMs: number
  /** No slot is added before that: the last ones could not be. */
  readonly notBeforeMs: number
  /** How often in a row they could not be. */
  readonly failures: number
}

export interface Decision {
  readonly to: number
  readonly reason: Exclude<PoolScaled['reason'], 'asked'>
}

/** Over how long rates are measured: short against the time in which what waits shall be handled. */
export const windowMs = ({ catchUpMs }: Pick<ScalingLimits, 'catchUpMs'>): number =>
  Math.min(Math.max(catchUpMs / 3, 1_500), 10_000)

/** What a slot is loaded with at most when others are removed. */
const FULL = 0.7
/** A process that uses more of its cores gains nothing from another thread. */
const SATURATED = 0.9
/** The longest quiet that is asked for, in quiets that are configured. */
const LONGEST_QUIET = 16
/** What the threads of the pool use beside what the slots do, in slots. */
const CPU_SLACK = 0.25
const RETRY_MS = 60_000
const LONGEST_RETRY_MS = 600_000

export const initialState = ({ quietMs }: Pick<ScalingLimits, 'quietMs'>, nowMs: number): ScalingState => ({
  ...{ samples: [], slots: 0, behindSinceMs: null, sinceMs: nowMs, needs: [], quietMs },
  ...{ removedAtMs: Number.NEGATIVE_INFINITY, notBeforeMs: Number.NEGATIVE_INFINITY, failures: 0 },
})

/** Slots could not be added: they are not tried again at once. */
export const failed = (state: ScalingState, nowMs: number): ScalingState => ({
  ...state,
  failures: state.failures + 1,
  notBeforeMs: nowMs + Math.min(RETRY_MS * 2 ** state.failures, LONGEST_RETRY_MS),
})

interface Decided {
  readonly state: ScalingState
  readonly decision: Decision | null
}

/**
 * Decides whether a subscription needs other slots than it has.
 *
 * More, when partitions are behind (what waits in them takes longer than `catchUpMs` at the rate at which it is handled, or
 * will, at the rate at which it grows), their slot has more of them than it can handle at once, is busy, and the process has cores left:
 * twice as many at most, then it is measured anew. Fewer, when for `quietMs` fewer would not have been loaded with more
 * than 70 %: half as many at the least. When they are needed again soon after that, the next quiet has to be twice as long.
 */
export const decide = (before: ScalingState, observation: Observation, limits: ScalingLimits): Decided => {
  const { atMs, slots, isSettled } = observation
  const count = slots.size
  if (!isSettled) return { state: { ...before, samples: [], behindSinceMs: null }, decision: null }
  const fresh = { samples: [], behindSinceMs: null, sinceMs: atMs, needs: [] }
  const known = count === before.slots ? before : { ...before, ...fresh, slots: count }
  const span = windowMs(limits)
  const samples = [...known.samples.filter((sample) => sample.atMs >= atMs - span), observation]
  const state = { ...known, samples }
  if (atMs - (samples[0]?.atMs ?? atMs) < 0.8 * span) return { state, decision: null }

  const load = measure(samples, limits.catchUpMs)
  const more = load.isBehind ? slotsWhenBehind(load, count, limits.max) : count
  const behindSinceMs = more > count ? (state.behindSinceMs ?? atMs) : null
  if (behindSinceMs !== null && atMs - behindSinceMs >= span / 2 && atMs >= state.notBeforeMs) {
    const isSoon = atMs - state.removedAtMs < state.quietMs
    const quietMs = isSoon ? Math.min(2 * state.quietMs, LONGEST_QUIET * limits.quietMs) : limits.quietMs
    return { state: { ...state, ...fresh, quietMs }, decision: { to: more, reason: 'lag' } }
  }

  const need = load.isBehind ? count : enough(load, observation.partitions.length)
  const needs = peaks(state.needs, { atMs, slots: need }, atMs - state.quietMs)
  const fewerFor = (peak = count) => Math.max(limits.min, peak, Math.ceil(count / 2))
  const fewer = fewerFor(needs[0]?.slots)
  // A peak that is about to be forgotten is waited for, so that one step does what two would.
  const soon = fewerFor(needs.find((need) => need.atMs >= atMs - state.quietMs + 2 * span)?.slots)
  if (atMs - state.sinceMs >= state.quietMs && fewer < count && fewer === soon) {
    return { state: { ...state, ...fresh, removedAtMs: atMs }, decision: { to: fewer, reason: 'idle' } }
  }
  return { state: { ...state, behindSinceMs, needs }, decision: null }
}

const slotsWhenBehind = ({ cpu, wanted, surplus }: ReturnType<typeof measure>, count: number, max: number): number => {
  if (cpu >= SATURATED || surplus === 0) return count
  const withCores = cpu <= 0 ? max : Math.ceil(count / cpu - CPU_SLACK)
  return Math.max(count, Math.min(max, 2 * count, count + surplus, withCores, Math.max(wanted, count + 1)))
}

/** So many slots would not be loaded with more than they should, those of them that have a partition more than others. */
const enough = ({ handlers, concurrency, thread }: ReturnType<typeof measure>, partitions: number): number => {
  for (let slots = 1; slots < partitions; slots++) {
    const own = Math.ceil(partitions / slots)
    const part = own / partitions
    // Where each partition may have a message in flight, it has all that more slots could give it, but for their threads.
    if ((own <= concurrency || (handlers * part) / concurrency <= FULL) && thread * part <= FULL) return slots
  }
  return Math.max(1, partitions)
}

/** Of needs the last of which is new, those that are the highest of all that follow. */
const peaks = (needs: readonly Need[], last: Need, sinceMs: number): Need[] => [
  ...needs.filter(({ atMs, slots }) => atMs >= sinceMs && slots > last.slots),
  last,
]
