import { expect, test } from 'vitest'
import { LoopWatch, TICK_MS } from '#src/admin/loop-watch.js'

test('a loop that turns, or is a little late, does not hang', () => {
  const watch = new LoopWatch(0)
  for (const atMs of [1_000, 2_000, 5_000, 6_000]) watch.tick(atMs)
  expect(watch.hang(6_500)).toBeNull()
})

test('one that stood still for five seconds is told for thirty', () => {
  const watch = new LoopWatch(0)
  watch.tick(TICK_MS + 7_000)
  watch.tick(TICK_MS + 8_000)
  expect(watch.hang(TICK_MS + 9_000)).toEqual({ forMs: 7_000, agoMs: 2_000 })
  expect(watch.hang(TICK_MS + 37_000)).toEqual({ forMs: 29_000 - TICK_MS, agoMs: 0 })
})

test('it is told no more when that is long ago', () => {
  const watch = new LoopWatch(0)
  watch.tick(8_000)
  for (let atMs = 9_000; atMs <= 39_000; atMs += TICK_MS) watch.tick(atMs)
  expect(watch.hang(39_000)).toBeNull()
})

test('who asks before the timer has its turn hears of it, too', () => {
  expect(new LoopWatch(0).hang(9_000)).toEqual({ forMs: 8_000, agoMs: 0 })
})
