import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Group } from '#src/control/group.js'
import { Holdings } from '#src/control/holdings.js'
import { JoinBarrier } from '#src/control/join-barrier.js'
import type { Seat } from '#src/control/seat.js'
import { StallWatch } from '#src/control/stall-watch.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const fakeSeat = () => {
  const seat = { poke: vi.fn() }
  return { seat: seat as unknown as Seat, poke: seat.poke }
}

describe('seats of one group', () => {
  test('poke their siblings, not themselves', async () => {
    const group = new Group('group', 2)
    const [a, b] = [fakeSeat(), fakeSeat()]
    group.add(a.seat)
    group.add(b.seat)
    group.pokeSiblings(a.seat)
    await vi.advanceTimersByTimeAsync(50)
    expect(a.poke).not.toHaveBeenCalled()
    expect(b.poke).toHaveBeenCalled()
  })

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

  test('do not wait for ever for one that never comes', async () => {
    const barrier = new JoinBarrier(2)
    const arrived = barrier.arrive()
    await vi.advanceTimersByTimeAsync(5_000)
    await expect(arrived).resolves.toBeUndefined()
  })
})

describe('the watch over a stall', () => {
  const held = (finished: number, highWatermark: number) => {
    const holdings = new Holdings()
    holdings.add([{ topic: 'orders', partition: 0, offset: 0n, committed: 0n }])
    const [holding] = holdings.all()
    if (holding === undefined) throw new Error('nothing is held')
    holding.page.finish(0, finished)
    holding.page.fetched(0, finished, highWatermark)
    return holding
  }

  test('counts the time for which messages wait and nothing moves', () => {
    const watch = new StallWatch()
    const holding = held(5, 10)
    expect(watch.look([holding], false, 1_000)).toBe(0)
    expect(watch.look([holding], false, 4_000)).toBe(3_000)
    holding.page.finish(0, 6)
    expect(watch.look([holding], false, 5_000)).toBe(0)
  })

  test('sees no stall where nothing waits, where a handler runs, or where the partition stands still on purpose', () => {
    const watch = new StallWatch()
    const idle = held(10, 10)
    const waiting = held(5, 10)
    const paused = held(5, 10)
    paused.paused = { offset: '5', error: { name: 'Error', message: 'exhausted' } }
    for (const [holding, busy] of [
      [idle, false],
      [waiting, true],
      [paused, false],
    ] as const) {
      expect(watch.look([holding], busy, 0)).toBe(0)
      expect(watch.look([holding], busy, 99_000)).toBe(0)
    }
  })
})
