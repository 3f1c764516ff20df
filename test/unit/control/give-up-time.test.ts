import { expect, test } from 'vitest'
import { giveUpLeadMs } from '#src/control/give-up-time.js'

test.each([
  [25_000, 2_500],
  [600_000, 3_000],
  [1_000, 200],
  [100, 50],
  [0, 0],
])('in a drain of %i ms handlers are told to give up %i ms before its end', (drainMs, leadMs) => {
  expect(giveUpLeadMs(drainMs)).toBe(leadMs)
})
