import { getPriority, platform, setPriority } from 'node:os'
import { monotonicMs } from '../../util/clock.js'

/** How much nicer (in Unix's sense) a thread that handles messages is than the rest of the process. */
const NICENESS = 5
const NICEST = 19
/** For how long a thread that begins to handle messages does not give way yet. */
const HEADSTART_MS = 150

/**
 * Lets the main thread and threads that boot go before this one when all cores are busy, so that heartbeats are on time
 * and a dead thread's replacement is there soon. Only Linux has a niceness for each thread; elsewhere nothing is done.
 */
export const giveWay = (): void => {
  if (platform() !== 'linux') return
  try {
    setPriority(0, Math.min(getPriority(0) + NICENESS, NICEST))
  } catch {
    // Forbidden in some sandboxes. It is a courtesy.
  }
}

/**
 * Gives way once, some time after the first call: the first message of each partition goes before those of threads that
 * have been handling all the time, for it has waited for this one.
 *
 * @returns what to call whenever messages are about to be handled
 */
export const giveWayLater = (give = giveWay, now = monotonicMs): (() => void) => {
  let untilMs: number | null = null
  let hasGivenWay = false
  return () => {
    if (hasGivenWay) return
    untilMs ??= now() + HEADSTART_MS
    if (now() < untilMs) return
    hasGivenWay = true
    give()
  }
}
