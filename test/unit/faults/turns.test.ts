import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Turns } from '../../faults/turns.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('time counts as far as one had a turn', () => {
  let lateMs = 0
  const turns = new Turns(() => Date.now() + lateMs)
  vi.advanceTimersByTime(1_050)
  expect(turns.passedMs).toBe(1_050)
  lateMs = 60_000 // nobody was called meanwhile
  expect(turns.passedMs).toBe(1_100)
  vi.advanceTimersByTime(1_050)
  expect(turns.passedMs).toBeGreaterThan(2_000)
  expect(turns.passedMs).toBeLessThan(2_200)
  turns.stop()
})
