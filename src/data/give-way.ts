import { getPriority, platform, setPriority } from 'node:os'

/** How much nicer (in Unix's sense) a thread that handles messages is than the rest of the process. */
const NICENESS = 5
const NICEST = 19

let hasGivenWay = false

/**
 * Lets the main thread and threads that boot go before this one when all cores are busy, so that heartbeats are on time
 * and a dead thread's replacement is there soon. Only Linux has a niceness for each thread; elsewhere nothing is done.
 */
export const giveWay = (): void => {
  if (hasGivenWay || platform() !== 'linux') return
  hasGivenWay = true
  try {
    setPriority(0, Math.min(getPriority(0) + NICENESS, NICEST))
  } catch {
    // Forbidden in some sandboxes. It is a courtesy.
  }
}
