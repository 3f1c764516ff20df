import { expect, test } from 'vitest'
import { isGone, outlookOf, type Pause, pauseAfter } from '#src/control/pauses.js'
import { ErrorCode, PoolError } from '#src/errors.js'
import { pauseAt } from '../../support/control/pause.js'

const config = { initialPauseMs: 30_000, maxPauseMs: 600_000 }
const standstill = (offset: string) => ({
  reason: 'exhausted' as const,
  offset,
  error: new PoolError(ErrorCode.handlerExhausted, 'no'),
  attempts: 10,
})

test('a partition is tried again after 30 s, then after twice as long each time, up to ten minutes', () => {
  const pausesMs: number[] = []
  let pause: Pause | null = null
  let nowMs = 1_000
  for (let times = 0; times < 7; times++) {
    const next: Pause = pauseAfter(pause, standstill('5'), config, nowMs, 0.5)
    expect(next).toMatchObject({ retries: times, sinceMs: 1_000 })
    pausesMs.push((next.retryAtMs ?? 0) - nowMs)
    nowMs = next.retryAtMs ?? 0
    pause = next
  }
  expect(pausesMs).toEqual([30, 60, 120, 240, 480, 600, 600].map((seconds) => seconds * 1_000))
})

test('the pauses of partitions that stood still together are spread', () => {
  const pauses = [0, 0.5, 1].map((random) => pauseAfter(null, standstill('5'), config, 0, random).retryAtMs)
  expect(pauses).toEqual([24_000, 30_000, 36_000])
})

test('what stands still further on begins anew', () => {
  const before = pauseAt(5, { reason: 'exhausted', retries: 4, sinceMs: 0, retryAtMs: null })
  expect(pauseAfter(before, standstill('6'), config, 9_000, 0.5)).toMatchObject({
    ...{ offset: '6', retries: 0, sinceMs: 9_000, retryAtMs: 39_000 },
  })
})

test.each([
  ['idle', 'nothing is held', []],
  ['moving', 'one moves', [pauseAt(1, { retries: 3 }), null]],
  ['moving', 'one was not yet tried again', [pauseAt(1, { retries: 3 }), pauseAt(1)]],
  ['moving', 'the only one is being tried for the first time', [pauseAt(1, { retryAtMs: null })]],
  ['stuck', 'each was tried again in vain', [pauseAt(1, { retries: 1 }), pauseAt(1, { retries: 2, retryAtMs: null })]],
] as const)('a slot is %s when %s', (outlook, _, pauses) => {
  expect(outlookOf(pauses, true)).toBe(outlook)
  expect(outlookOf(pauses, false)).toBe('unknown')
})

test.each([
  ['was not fetched yet', 5, 90, 'exhausted', true],
  ['is behind the new position', 50, 3, 'exhausted', true],
  ['stood where the new position is', 50, 5, 'unreadable', true],
  ['is in the buffer still', 50, 90, 'exhausted', false],
  ['waits for its dead letter', 5, 90, 'dead-letter', false],
  ['waits for its dead letter, and was cut off', 50, 3, 'dead-letter', false],
] as const)('what %s when a reset moves from %i to %i (%s): gone is %s', (_, from, to, reason, gone) => {
  expect(isGone(pauseAt(5, { reason }), { from: String(from), to: String(to) })).toBe(gone)
})
