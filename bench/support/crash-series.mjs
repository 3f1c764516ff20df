import { setTimeout as sleep } from 'node:timers/promises'
import { machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { CRASH_KINDS } from './orders.mjs'

/**
 * Collects the crashes and recoveries of a pool.
 *
 * @returns one entry for each crash: slot, error code, messages in flight, `noticedAtMs` (monotonic), `recoveredAfterMs` as the
 *   pool says
 */
export const watchCrashes = (pool) => {
  const crashes = []
  pool.on('slot:crashed', ({ slot, error, inFlight }) => {
    crashes.push({ slot, code: error.code, inFlight, noticedAtMs: machineMs(), recoveredAfterMs: null })
  })
  pool.on('slot:recovered', ({ slot, afterMs }) => {
    const crash = crashes.findLast((candidate) => candidate.slot === slot)
    if (crash === undefined) return
    crash.recoveredAfterMs = afterMs
    crash.noticedAtMs = machineMs() - afterMs // the event of the crash comes when the thread has died altogether
  })
  return crashes
}

const EVERY_MS = 5

/** Whether the slot has finished the messages that were in flight when its thread died. */
const isPast = (victims, assignment) =>
  victims.every(({ topic, partition, offset }) => {
    const now = assignment.find((held) => held.topic === topic && held.partition === partition)
    return now !== undefined && BigInt(now.finishedUpTo) > BigInt(offset)
  })

/**
 * Crashes the slots in turn, in every way in turn, each as soon as the slot handles messages again.
 *
 * @param series.crashes what `watchCrashes` collects
 * @param series.first number of the first crash: how many there were before
 * @param series.gapMs pause after each order
 */
export const crashInTurn = async (pool, orders, series) => {
  const { crashes, count, slots, gapMs, kinds = CRASH_KINDS, first = 0 } = series
  const state = (slot) => pool.status().slots[slot]
  for (let n = first; n < first + count; n++) {
    const slot = n % slots
    const incarnation = Math.floor(n / slots) + 1
    const victims = crashes.findLast((crash) => crash.slot === slot)?.inFlight ?? []
    const isBack = () => {
      const { state: name, incarnation: current, assignment } = state(slot)
      if (assignment.length > 0 && assignment.every(({ lag }) => lag === '0')) {
        throw new Error(`slot ${slot} ran out of messages after ${n} crashes: use more with --messages`)
      }
      return name === 'running' && current === incarnation && isPast(victims, assignment)
    }
    await until(isBack, { what: `slot ${slot} to run as incarnation ${incarnation}`, everyMs: EVERY_MS })
    // Its death has to bear fruit, or the restart policy would rightly make it wait: a message was finished, and the one
    // that is in flight has killed no thread before.
    const { finished } = state(slot)
    await until(() => state(slot).finished > finished, { what: `slot ${slot} to finish a message`, everyMs: EVERY_MS })
    orders.crash(slot, kinds[Math.floor(n / slots) % kinds.length])
    await sleep(gapMs)
  }
}

/** Until every crash is noticed and healed. */
export const allHealed = (crashes, count) =>
  until(() => crashes.length === count && crashes.every(({ recoveredAfterMs }) => recoveredAfterMs !== null), {
    what: `${count} crashes to be healed`,
  })
