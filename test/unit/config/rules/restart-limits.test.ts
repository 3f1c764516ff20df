import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countOfDoubling, sumOfDoubling } from '#src/config/rules/doubling.js'
import { crashesWithin, defaultPoolLimit, pausesBeforeParkingMs } from '#src/config/rules/restart-limits.js'

const restart = {
  delayMs: 1_000,
  maxDelayMs: 60_000,
  healthyAfterMs: 120_000,
  maxRestarts: 8,
  windowMs: 300_000,
  probeMs: 60_000,
}

describe('waits that double up to a longest one', () => {
  const waits = (firstMs: number, longestMs: number, times: number) =>
    Array.from({ length: times }, (_, n) => Math.min(firstMs * 2 ** n, longestMs))
  const someMs = fc.integer({ min: 0, max: 5_000 })

  test('are added up as one by one', () => {
    fc.assert(
      fc.property(someMs, someMs, fc.integer({ min: -2, max: 60 }), (firstMs, longestMs, times) => {
        const sum = waits(firstMs, longestMs, Math.max(0, times)).reduce((a, b) => a + b, 0)
        expect(sumOfDoubling(firstMs, longestMs, times)).toBe(sum)
      }),
    )
  })

  test('are counted as one by one', () => {
    const atLeast1 = fc.integer({ min: 1, max: 5_000 })
    fc.assert(
      fc.property(atLeast1, atLeast1, fc.integer({ min: 1, max: 20_000 }), (firstMs, longestMs, untilMs) => {
        let count = 0
        for (let sum = 0; count < 20_001; count++) {
          sum += Math.min(firstMs * 2 ** count, longestMs)
          if (sum >= untilMs) break
        }
        expect(countOfDoubling(firstMs, longestMs, untilMs)).toBe(count)
      }),
    )
  })
})

test('a slot is parked after pauses of 1 s, 2 s, 4 s, … 32 s: the first restart is immediate, and after the eighth crash there is none', () => {
  expect(pausesBeforeParkingMs(1_000, 60_000, 8)).toBe(63_000)
  expect(pausesBeforeParkingMs(1_000, 60_000, 1)).toBe(0)
})

describe('a pool whose slots crash again and again', () => {
  test.each([
    ['by default eleven times for each in five minutes', restart, 4, 44],
    ['twice for each when nothing but the restart at once fits into the window', { ...restart, windowMs: 1_000 }, 4, 8],
    ['no oftener than the pool restarts threads', { ...restart, delayMs: 1, maxDelayMs: 1, windowMs: 10_000 }, 4, 104],
  ])('does so %s', (_, config, slots, expected) => {
    expect(crashesWithin(config, slots)).toBe(expected)
  })

  test.each([
    ['as many as all slots may have', restart, 4, 32],
    ['ten at the least', restart, 1, 10],
    ['no more than there can be', { ...restart, windowMs: 60_000 }, 4, 27],
    ['but never fewer than one slot may have', { ...restart, windowMs: 1_000 }, 1, 8],
  ])('may do so %s when nobody says otherwise', (_, config, slots, expected) => {
    expect(defaultPoolLimit(config, slots)).toBe(expected)
  })
})
