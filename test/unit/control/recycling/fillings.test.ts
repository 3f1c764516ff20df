import { describe, expect, test } from 'vitest'
import { afterFilling, type FillingHistory, NO_FILLINGS, recycleDueMs } from '#src/control/recycling/fillings.js'

const AT_ONCE = { finished: 12, livedMs: 300 }

/** The history after so many heaps in a row that were full at once, one a second. */
const afterMany = (times: number): FillingHistory => {
  let history = NO_FILLINGS
  for (let n = 1; n <= times; n++) history = afterFilling(history, AT_ONCE, n * 1_000)
  return history
}

describe('a heap that is full', () => {
  test('the first time is a reason at once', () => {
    expect(recycleDueMs(NO_FILLINGS, false)).toBe(Number.NEGATIVE_INFINITY)
  })

  test.each([
    { finished: 50, livedMs: 300 },
    { finished: 3, livedMs: 10_000 },
  ])('after much work is a reason at once, however often: %o', (filling) => {
    let history = afterMany(4)
    for (let n = 0; n < 100; n++) history = afterFilling(history, filling, n)
    expect(recycleDueMs(history, false)).toBe(Number.NEGATIVE_INFINITY)
  })

  test('at once is a reason less and less often', () => {
    const waits = [1, 2, 3, 4, 11, 100].map((times) => recycleDueMs(afterMany(times), false) - times * 1_000)
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 600_000, 600_000])
  })

  test('to the brim at once is one every ten seconds at least, because nothing moves meanwhile', () => {
    const waits = [1, 2, 5, 100].map((times) => recycleDueMs(afterMany(times), true) - times * 1_000)
    expect(waits).toEqual([1_000, 2_000, 10_000, 10_000])
  })
})
