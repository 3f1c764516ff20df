import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Durations } from '#src/protocol/durations.js'
import { Tally } from '#src/protocol/tally.js'

test('a time is counted in the first bucket whose bound is not below it, and less than nothing as nothing', () => {
  const durations = new Durations([1, 10])
  for (const ms of [-5, 0, 1, 1.5, 10, 10.5, 1e9]) durations.count(ms)
  expect(durations.counts).toEqual({ boundsMs: [1, 10], counts: [3, 2, 2], sumMs: 1 + 1.5 + 10 + 10.5 + 1e9 })
})

test('all that was counted is somewhere, in shared memory too', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1e10, noNaN: true })), (times) => {
      const memory = new SharedArrayBuffer(Tally.cells * 8)
      const tally = new Tally(new Float64Array(memory))
      for (const ms of times) tally.handlers.count(ms)
      const seen = new Tally(new Float64Array(memory))
      expect(seen.handlers.counts).toEqual(tally.handlers.counts)
      expect(seen.handlers.counts.counts.reduce((sum, count) => sum + count)).toBe(times.length)
      expect(seen.ages.counts.sumMs).toBe(0)
    }),
  )
})

test('a sum of tallies has what each has counted, and buffers nothing', () => {
  const sum = new Tally()
  for (const ms of [1, 2]) {
    const tally = new Tally()
    tally.handlers.count(ms)
    tally.ages.count(ms * 100)
    tally.fetched(ms * 1_000)
    tally.buffers(50)
    sum.add(tally)
  }
  expect(sum).toMatchObject({ fetchedBytes: 3_000, bufferedBytes: 0 })
  expect([sum.handlers.counts.sumMs, sum.ages.counts.sumMs]).toEqual([3, 300])
})
