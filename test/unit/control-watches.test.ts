import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Group } from '#src/control/group.js'
import { Holdings } from '#src/control/holdings.js'
import { JoinBarrier } from '#src/control/join-barrier.js'
import type { Seat } from '#src/control/seat.js'
import { StallWatch } from '#src/control/stall-watch.js'
import { TopicWatch } from '#src/control/topic-watch.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const fakeSeat = (isLeader: boolean) => {
  const rejoins: string[] = []
  const seat = { isLeader, state: 'stable', rejoin: (why: string) => rejoins.push(why), poke: vi.fn() }
  return { seat: seat as unknown as Seat, rejoins, poke: seat.poke }
}

describe('the watch over topics that grow', () => {
  const watching = (seats: Seat[], counts: number[]) => {
    const group = new Group('group', seats.length)
    for (const seat of seats) group.add(seat)
    const metadata = async () => {
      const partitions = Array.from({ length: counts.shift() ?? 0 }, (_, partition) => ({ partition, leader: 1 }))
      return [{ topic: 'orders', error: null, partitions }]
    }
    const known = [{ topic: 'orders', error: null, partitions: [{ partition: 0, leader: 1 }] }]
    const log = pino({ level: 'silent' })
    const options = { topics: ['orders'], groupsOf: () => [group], metadata, intervalMs: 1_000, heartbeatMs: 500, log }
    return { group, watch: new TopicWatch(options, known) }
  }

  test('makes the leader rejoin at once', async () => {
    const follower = fakeSeat(false)
    const leader = fakeSeat(true)
    const { watch } = watching([follower.seat, leader.seat], [1, 2, 2])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(leader.rejoins).toEqual([])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(leader.rejoins).toHaveLength(1)
    expect(follower.rejoins).toEqual([])
    watch.close()
  })

  test('gives a leader elsewhere a head start, and then forces it', async () => {
    const follower = fakeSeat(false)
    const { watch } = watching([follower.seat], [2, 2, 2, 2])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(follower.rejoins).toEqual([])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(follower.rejoins).toHaveLength(1)
    watch.close()
  })

  test('leaves it at that when the leader elsewhere was quick', async () => {
    const follower = fakeSeat(false)
    const { watch, group } = watching([follower.seat], [2, 2, 2, 2])
    await vi.advanceTimersByTimeAsync(1_000)
    group.noteGeneration(9)
    await vi.advanceTimersByTimeAsync(2_500)
    expect(follower.rejoins).toEqual([])
    watch.close()
  })
})

describe('seats of one group', () => {
  test('poke their siblings, not themselves', async () => {
    const group = new Group('group', 2)
    const [a, b] = [fakeSeat(true), fakeSeat(false)]
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
