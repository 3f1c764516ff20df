import type { RestartConfig } from '../../config/resolved.js'
import { MAX_PROBE_MS } from '../../config/rules/own-times.js'
import { backoffMs, doubled } from '../../util/backoff.js'

/*
 * When a slot whose thread died gets a new one: pure functions of the crash history. All times are monotonic ms.
 *
 *   crash ── fruitful ─────────────────────────────► restart at once
 *     └───── fruitless: 1st ───────────────────────► restart at once
 *                       2nd, 3rd, … ───────────────► restart after delayMs × 1, 2, 4, … up to maxDelayMs
 *                       maxRestarts in a row,
 *                       or of a parked slot's probe ► park, probe after probeMs × 1, 2, 4, … up to 10 min
 *
 * In a row, and not within some time: the pool's own pauses, and the time that a hung handler is given, outlast any.
 *
 * A crash that counts against the messages that were in flight parks no slot: when enough of them have, one is convicted, and
 * that clears the slot of what it has done.
 */

/** One death of a slot's thread. */
export interface Crash {
  readonly atMs: number
  /** True when it brought the work further: it finished a message, and died on none that had killed a thread before. */
  readonly fruitful: boolean
  /** How long the thread had worked when it died, or when what it died of began; 0 when it never got ready. */
  readonly healthyMs: number
  /**
   * What it says of the messages that were in flight: it counts against one of them, or one is convicted with it.
   *
   * @default nothing
   */
  readonly trial?: 'open' | 'convicted' | undefined
  /** The message that was in flight alone, by which the crashes that it has caused are known. @default none */
  readonly killer?: string | undefined
}

/** What is remembered of a slot's crashes. */
export interface CrashHistory {
  /** Fruitless ones since the slot was healthy. */
  readonly fruitless: number
  /** Those of them that came after the last fruitful one. */
  readonly inARow: number
  /** How often the slot was parked since the last fruitful crash or health. */
  readonly parked: number
}

export type RestartDecision =
  | { readonly action: 'restart'; readonly delayMs: number }
  /** Give the seat up, so that others take the partitions, and try the slot again later. */
  | { readonly action: 'park'; readonly probeInMs: number }

/** The history of a slot whose thread has never died. */
export const NO_CRASHES: CrashHistory = { fruitless: 0, inARow: 0, parked: 0 }

/** The history with one more crash. A thread that was healthy for long clears its slot of everything before. */
export const afterCrash = (
  history: CrashHistory,
  { fruitful, healthyMs, trial }: Crash,
  { healthyAfterMs }: Pick<RestartConfig, 'healthyAfterMs'>,
): CrashHistory => {
  if (trial === 'convicted') return NO_CRASHES
  const { fruitless, inARow, parked } = healthyMs >= healthyAfterMs ? NO_CRASHES : history
  return fruitful ? { fruitless, inARow: 0, parked: 0 } : { fruitless: fruitless + 1, inARow: inARow + 1, parked }
}

/**
 * What to do about the last crash of `history`.
 *
 * @param random from 0 to 1
 * @param trial what that crash says of the messages that were in flight
 */
export const decideRestart = (
  history: CrashHistory,
  config: RestartConfig,
  random: number,
  trial?: Crash['trial'],
): RestartDecision => {
  const { fruitless, inARow, parked } = history
  if (inARow === 0) return { action: 'restart', delayMs: 0 }
  if (trial !== 'open' && (parked > 0 || inARow >= config.maxRestarts)) {
    const maxMs = Math.max(config.probeMs, MAX_PROBE_MS)
    return { action: 'park', probeInMs: doubled(config.probeMs, parked, maxMs) }
  }
  return { action: 'restart', delayMs: delayAfter(fruitless, config, random) }
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

/** With a spread, so that slots that died together do not come back together. */
const delayAfter = (fruitless: number, config: RestartConfig, random: number): number => {
  if (fruitless <= 1) return 0
  return backoffMs(fruitless - 1, { initialDelayMs: config.delayMs, maxDelayMs: config.maxDelayMs }, random)
}
