import type { RestartConfig } from '../config/resolved.js'
import type { TopicPartitionOffset } from '../kafka/face.js'

/*
 * When a slot whose thread died gets a new one: pure functions of the crash history. All times are monotonic ms.
 *
 *   crash ── fruitful ─────────────────────────────► restart at once
 *     └───── fruitless: 1st ───────────────────────► restart at once
 *                       2nd, 3rd, … ───────────────► restart after delayMs × 1, 2, 4, … up to maxDelayMs
 *                       maxRestarts in windowMs,
 *                       or of a parked slot's probe ► park, probe after probeMs
 */

/** One death of a slot's thread. */
export interface Crash {
  readonly atMs: number
  /** False when the crash brought the work no further: see {@link isFruitful}. */
  readonly fruitful: boolean
  /** How long the thread had been ready when it died; 0 when it never was. */
  readonly healthyMs: number
}

export type RestartDecision =
  | { readonly action: 'restart'; readonly delayMs: number }
  /** Give the seat up, so that others take the partitions, and try the slot again later. */
  | { readonly action: 'park'; readonly probeInMs: number }

/** How far a delay is spread, so that slots that died together do not come back together. */
const JITTER = 0.2

/** Doublings after which every delay has reached its maximum; more of the history is not kept. */
const MAX_DOUBLINGS = 40

/**
 * Whether the incarnation that died had brought the work further. It had not when it finished no message, or died on a
 * message that had killed an incarnation before.
 *
 * @param died.inFlight what its handlers were working on when it died
 * @param died.earlierVictims messages that were in flight at earlier deaths in the pool
 */
export const isFruitful = (died: {
  readonly finishedSinceStart: number
  readonly inFlight: readonly TopicPartitionOffset[]
  readonly earlierVictims: readonly TopicPartitionOffset[]
}): boolean => {
  const killers = new Set(died.earlierVictims.map(messageKey))
  return died.finishedSinceStart > 0 && !died.inFlight.some((message) => killers.has(messageKey(message)))
}

/**
 * The slot's history with one more crash: what {@link decideRestart} needs and no more, so that it stays small over any
 * number of crashes.
 */
export const rememberCrash = (
  history: readonly Crash[],
  crash: Crash,
  config: Pick<RestartConfig, 'healthyAfterMs' | 'maxRestarts'>,
): readonly Crash[] => {
  const fruitless = unforgotten([...history, crash], config).filter((earlier) => !earlier.fruitful && earlier !== crash)
  return [...fruitless.slice(-Math.max(config.maxRestarts, MAX_DOUBLINGS + 1)), crash]
}

/**
 * What to do about the last crash of `crashes`.
 *
 * @param input.crashes all crashes of the slot, the newest last
 * @param input.wasProbe the incarnation that died was the probe of a parked slot
 * @param input.random from 0 to 1
 */
export const decideRestart = (input: {
  readonly crashes: readonly Crash[]
  readonly wasProbe: boolean
  readonly config: RestartConfig
  readonly random: number
}): RestartDecision => {
  const { crashes, wasProbe, config, random } = input
  const last = crashes.at(-1)
  if (last === undefined || last.fruitful) return { action: 'restart', delayMs: 0 }
  const fruitless = unforgotten(crashes, config).filter((crash) => !crash.fruitful)
  const recent = fruitless.filter((crash) => crash.atMs > last.atMs - config.windowMs)
  const outlivedProbation = last.healthyMs >= config.healthyAfterMs
  if (recent.length >= config.maxRestarts || (wasProbe && !outlivedProbation)) {
    return { action: 'park', probeInMs: config.probeMs }
  }
  return { action: 'restart', delayMs: delayAfter(fruitless.length, config, random) }
}

/**
 * Why the pool cannot go on by itself, as a sentence for people; null while it can.
 *
 * @param input.crashes crashes of all slots, in any order
 * @param input.parked how many slots are parked now
 * @param input.size how many slots the pool has
 */
export const decideEscalation = (input: {
  readonly crashes: readonly Crash[]
  readonly parked: number
  readonly size: number
  readonly nowMs: number
  readonly config: Pick<RestartConfig, 'maxPoolRestarts' | 'windowMs'>
}): string | null => {
  const { crashes, parked, size, nowMs, config } = input
  if (size > 0 && parked >= size) {
    return size === 1 ? 'the only slot is parked' : `all ${size} slots are parked`
  }
  const recent = crashes.filter((crash) => !crash.fruitful && crash.atMs > nowMs - config.windowMs).length
  if (recent <= config.maxPoolRestarts) return null
  const seconds = Math.round(config.windowMs / 1000)
  return `${recent} crashes within ${seconds} s brought the work no further; ${config.maxPoolRestarts} are allowed`
}

/** An incarnation that stayed healthy long enough clears its slot of everything before. */
const unforgotten = (crashes: readonly Crash[], config: Pick<RestartConfig, 'healthyAfterMs'>): readonly Crash[] => {
  const healthy = crashes.findLastIndex((crash) => crash.healthyMs >= config.healthyAfterMs)
  return healthy === -1 ? crashes : crashes.slice(healthy)
}

const delayAfter = (fruitless: number, config: RestartConfig, random: number): number => {
  if (fruitless <= 1) return 0
  const baseMs = config.delayMs * 2 ** Math.min(fruitless - 2, MAX_DOUBLINGS)
  const spread = 1 - JITTER + 2 * JITTER * random
  return Math.min(Math.round(Math.min(baseMs, config.maxDelayMs) * spread), config.maxDelayMs)
}

const messageKey = ({ topic, partition, offset }: TopicPartitionOffset): string => `${topic}/${partition}/${offset}`
