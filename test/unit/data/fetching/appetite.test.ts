import { describe, expect, test } from 'vitest'
import { Appetite } from '#src/data/fetching/appetite.js'

const KIB = 1024
const batch = (receivedBytes: number, largestBytes = receivedBytes, bytes = receivedBytes) => ({
  ...{ receivedBytes, largestBytes, bytes },
})

/** One that handles so many bytes each ms, and has always something to handle. */
const handling = (appetite: Appetite, bytesPerMs: number, fromMs: number, toMs: number, before = 0) => {
  for (let ms = fromMs; ms <= toMs; ms += 10) appetite.handled(before + (ms - fromMs) * bytesPerMs, true, ms)
}

describe('a partition is asked for', () => {
  test('little at first', () => expect(new Appetite().askBytes).toBe(64 * KIB))

  test('what its batches need, if somebody knows', () => {
    expect(new Appetite(500_000).askBytes).toBe(562_500)
    const appetite = new Appetite()
    appetite.fed(batch(900_000, 300_000))
    expect(appetite.askBytes).toBe(337_500)
  })

  test('what the handler uses in two seconds, and again when half of it is left', () => {
    const appetite = new Appetite()
    handling(appetite, 1_000, 0, 1_000)
    expect(appetite.askBytes).toBeCloseTo(2_000_000, -4)
    expect(appetite.enoughBytes).toBeCloseTo(1_000_000, -4)
  })

  test('more or less as the handler becomes faster or slower', () => {
    const appetite = new Appetite()
    handling(appetite, 1_000, 0, 5_000)
    handling(appetite, 200, 5_010, 7_000, 5_000_000)
    expect(appetite.askBytes).toBeLessThan(440_000)
  })

  test('no less after a time in which there was nothing to handle', () => {
    const appetite = new Appetite()
    handling(appetite, 1_000, 0, 1_000)
    appetite.handled(1_000_000, false, 1_001)
    appetite.handled(1_000_000, true, 60_000)
    expect(appetite.askBytes).toBeGreaterThan(450_000)
  })

  test('more when there was something and it did not come: twice as much, or what another one needed', () => {
    const appetite = new Appetite()
    appetite.passedOver(64 * KIB, 0)
    expect(appetite.askBytes).toBe(128 * KIB)
    appetite.passedOver(128 * KIB, 500_000)
    expect(appetite.askBytes).toBe(562_500)
  })
})

test('what batches grow to is told by what came, not by what was asked for', () => {
  const appetite = new Appetite()
  appetite.fed(batch(1_000, 1_000, 20_000))
  expect(appetite.expansion).toBe(20)
  appetite.fed(batch(1_000, 1_000, 500))
  expect(appetite.expansion).toBe(1)
})
