import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fetchWaitMs, planFetch } from '#src/data/fetch-plan.js'

const limits = { bufferBytes: 1_000, partitions: 2, maxBytesPerPartition: 300 }
const candidate = (bufferedBytes: number, expansion = 1) => ({ bufferedBytes, expansion })

describe('a Fetch', () => {
  test('asks for every partition that has half of its share free', () => {
    const [a, b] = [candidate(250), candidate(251)]
    expect(planFetch([a, b], 0, limits)).toEqual({ wanted: [{ candidate: a, maxBytes: 250 }], leftOut: 1 })
  })

  test('asks for no more than maxBytesPerPartition', () => {
    expect(planFetch([candidate(0)], 0, limits).wanted[0]?.maxBytes).toBe(300)
  })

  test('asks for less of a partition whose batches grow when they are decompressed', () => {
    expect(planFetch([candidate(0, 10)], 0, limits).wanted[0]?.maxBytes).toBe(50)
  })

  test('puts another partition first each time', () => {
    const all = [candidate(1), candidate(2), candidate(3)]
    const firsts = [0, 1, 2, 3].map((turn) => planFetch(all, turn, limits).wanted[0]?.candidate.bufferedBytes)
    expect(firsts).toEqual([1, 2, 3, 1])
  })

  test('never lets the buffers outgrow their limit, whatever their number', () => {
    const buffers = fc.array(fc.nat(2_000), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(buffers, fc.nat(1_000), fc.integer({ min: 1_000, max: 100_000 }), (sizes, turn, bufferBytes) => {
        const shareBytes = bufferBytes / sizes.length
        const { wanted, leftOut } = planFetch(
          sizes.map((bytes) => candidate(bytes)),
          turn,
          { bufferBytes, partitions: sizes.length, maxBytesPerPartition: 1_000_000 },
        )
        expect(wanted.length + leftOut).toBe(sizes.length)
        for (const { candidate: buffered, maxBytes } of wanted) {
          expect(maxBytes).toBeGreaterThan(0)
          expect(buffered.bufferedBytes + maxBytes).toBeLessThanOrEqual(
            Math.max(shareBytes, buffered.bufferedBytes + 1),
          )
        }
      }),
    )
  })
})

describe('a Fetch may be held by the broker', () => {
  test('for maxWaitTimeInMs while nothing was left out', () => expect(fetchWaitMs(0, 9, 5_000)).toBe(5_000))
  test('for a moment only while a full buffer may have room soon', () => expect(fetchWaitMs(1, 0, 5_000)).toBe(5))
  test('for 100 ms at most while anything is left out', () => expect(fetchWaitMs(1, 99, 5_000)).toBe(100))
  test('never for longer than maxWaitTimeInMs', () => expect(fetchWaitMs(1, 99, 20)).toBe(20))
})
