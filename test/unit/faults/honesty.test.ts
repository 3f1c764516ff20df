import { expect, test } from 'vitest'
import { STANDSTILL_MS } from '../../faults/times.js'
import { Honesty } from '../../faults/world/watch.js'
import type { View } from '../../faults/world/world.js'

const LOOK_MS = 500

const view = (state: string, finishedUpTo: number | null, pid = 1): View => {
  const assignment = finishedUpTo === null ? [] : [{ partition: 0, finishedUpTo: `${finishedUpTo}` }]
  return { member: { name: 'a', pid }, status: { state, slots: [{ assignment }] } } as unknown as View
}

/** Looks for so long, and returns how often something was not true. */
const watch = (look: (atMs: number) => View[], forMs = STANDSTILL_MS + 5_000, highs = [5]): number => {
  const honesty = new Honesty()
  let faults = 0
  for (let atMs = 0; atMs < forMs; atMs += LOOK_MS) faults += honesty.look(look(atMs), 1, highs, atMs).length
  return faults
}

test('a pool that calls itself running while messages wait and nothing moves is caught, and no sooner than it must say so', () => {
  expect(watch(() => [view('running', 3)])).toBeGreaterThan(0)
  expect(watch(() => [view('running', 3)], STANDSTILL_MS)).toBe(0)
})

test('one that says so, has nothing to do or moves is not', () => {
  expect(watch(() => [view('degraded', 3)])).toBe(0)
  expect(watch(() => [view('running', 5)])).toBe(0)
  expect(watch((atMs) => [view('running', atMs < 6_000 ? 3 : 4)])).toBe(0)
})

test('a pool that says so has all its time again when it calls itself running', () => {
  const recovers = (atMs: number) => [view(atMs < STANDSTILL_MS ? 'degraded' : 'running', 3)]
  expect(watch(recovers, 2 * STANDSTILL_MS)).toBe(0)
  expect(watch(recovers, 2 * STANDSTILL_MS + 5_000)).toBeGreaterThan(0)
})

test('a partition that nobody has while all pools call themselves running is caught', () => {
  expect(watch(() => [view('running', null)])).toBeGreaterThan(0)
  expect(watch(() => [view('degraded', null)])).toBe(0)
  expect(watch(() => [])).toBe(0)
})

test('what nobody has looked at has not stood still', () => {
  const honesty = new Honesty()
  expect(honesty.look([view('running', 3)], 1, [5], 0)).toEqual([])
  expect(honesty.look([view('running', 3)], 1, [5], 10 * STANDSTILL_MS)).toEqual([])
})
