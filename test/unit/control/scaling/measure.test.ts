import { expect, test } from 'vitest'
import type { Observation } from '#src/control/scaling/decide.js'
import { measure } from '#src/control/scaling/measure.js'

/** Two slots that handle 100 messages a second each, of one partition each; another one that each has stands still. */
const observed = (atS: number): Observation => {
  const moving = (slot: number) => ({ name: `moving-${slot}`, finishedUpTo: 100 * atS, lag: 9_000, isPaused: false })
  const paused = (slot: number) => ({ name: `paused-${slot}`, finishedUpTo: 0, lag: 9_000, isPaused: true })
  return {
    atMs: atS * 1_000,
    isSettled: true,
    slots: new Map([0, 1].map((slot) => [slot, { handlers: 1, concurrency: 2, thread: 0.1 }])),
    cpu: 0.2,
    partitions: [0, 1].flatMap((slot) => [moving(slot), paused(slot)].map((each) => ({ ...each, slot }))),
  }
}

test('what stands still, or is paused, keeps no handler: a slot that handles all that it may is busy', () => {
  // 18,000 messages in 30 s, beside the 200 a second that come in, at 100 a second for each slot.
  expect(measure([observed(0), observed(10)], 30_000).wanted).toBe(8)
})
