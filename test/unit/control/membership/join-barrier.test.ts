import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { JoinBarrier } from '#src/control/membership/join-barrier.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('seats of one group', () => {
  test('wait at the barrier until all have come', async () => {
    const barrier = new JoinBarrier(2)
    let passed = 0
    void barrier.arrive().then(() => passed++)
    await vi.advanceTimersByTimeAsync(0)
    expect(passed).toBe(0)
    await barrier.arrive()
    await vi.advanceTimersByTimeAsync(0)
    expect(passed).toBe(1)
  })

  test('do not wait for ever for one that never comes, counted from the first that came', async () => {
    const barrier = new JoinBarrier(2)
    await vi.advanceTimersByTimeAsync(60_000) // the threads boot
    let passed = false
    void barrier.arrive().then(() => {
      passed = true
    })
    await vi.advanceTimersByTimeAsync(4_000)
    expect(passed).toBe(false)
    const arrived = barrier.arrive()
    await vi.advanceTimersByTimeAsync(5_000)
    await expect(arrived).resolves.toBeUndefined()
  })
})
