import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Steering } from '#src/control/steering/steering.js'
import { monotonicMs } from '#src/util/clock.js'
import { kafkaError } from '../../../support/control/fake-client.js'
import { assignment, joinedAs } from '../../../support/control/slot-bench.js'
import { begun, handed, partitionOf, steered } from '../../../support/control/steered-slot.js'

const REBALANCE_IN_PROGRESS = 27

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const settle = () => vi.advanceTimersByTimeAsync(0)

/** A slot with partitions 0 and 1, and what users say to it. */
const running = async (assignors?: readonly string[], before: (steering: Steering) => unknown = () => {}) => {
  const bench = steered(assignors)
  await before(bench.steering)
  return begun(bench)
}

describe('pool.pause', () => {
  test('has no message begin, waits for the handler in flight, and what that finishes is committed', async () => {
    const bench = await running()
    const { threads, steering, commits, stop } = bench
    const thread = threads.last
    const { id, page, index } = handed(thread, 0)
    thread.ledger.begin(0, id, 0, 1, monotonicMs())
    thread.silent = true
    let isPaused = false
    const pausing = steering.pause('orders', 0).then(() => {
      isPaused = true
    })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(isPaused).toBe(false)
    expect(thread.requests.slice(-2)).toEqual([
      { type: 'revoke', partitionIds: [id] },
      { type: 'still', topic: 'orders', partitions: [0] },
    ])
    expect(page.isRevoked(index)).toBe(false)
    page.finish(index, 1)
    thread.ledger.end(0)
    thread.answer()
    await pausing
    expect(thread.requests.at(-1)).toMatchObject({ type: 'assign', added: [], removed: [id] })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(commits.at(-1)).toMatchObject([{ partition: 0, offset: 1n }])
    expect(bench.slot.status()).toMatchObject({ dropped: 0 })
    expect(partitionOf(bench, 0)).toMatchObject({ finishedUpTo: '1', onHoldForMs: 61_000, paused: null })
    expect(partitionOf(bench, 1)).toMatchObject({ onHoldForMs: null })
    await stop()
  })

  test('is no stall and nothing unhealthy, however long it lasts and however much waits, which the lag says; a line says so once', async () => {
    const bench = await running()
    const { steering, poolClient, threads, slot, heard, warnings, stop } = bench
    poolClient.topics = async () =>
      [{ topic: 'orders', error: null, partitions: [{ partition: 0, leader: 1, leaderEpoch: 0 }] }] as never
    poolClient.listOffsets = async () => [{ topic: 'orders', partition: 0, offset: 42n }]
    const other = handed(threads.last, 1)
    other.page.fetched(other.index, 0, 0)
    await steering.pause('orders', 0)
    await vi.advanceTimersByTimeAsync(20 * 60_000)
    expect(slot.isHealthy).toBe(true)
    expect(slot.outlook).toBe('moving')
    expect(heard('slot:stalled')).toEqual([])
    expect(partitionOf(bench, 0)).toMatchObject({ lag: '42' })
    expect(warnings).toMatchObject([{ topic: 'orders', partitions: [0] }])
    await stop()
  })

  test('of everything leaves a pool that has nothing to do, and is healthy', async () => {
    const { steering, slot, stop } = await running()
    await steering.pause('orders', undefined)
    await vi.advanceTimersByTimeAsync(60_000)
    expect([slot.isHealthy, slot.outlook]).toEqual([true, 'idle'])
    await stop()
  })

  test('outlasts the thread, and takes nothing from one that is just being replaced', async () => {
    const bench = await running()
    const { steering, threads, stop } = bench
    await steering.pause('orders', 0)
    threads.last.crash()
    await vi.advanceTimersByTimeAsync(500)
    await steering.pause('orders', 1)
    threads.last.boot()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(threads.last.requests.flatMap((request) => (request.type === 'assign' ? request.removed : []))).toHaveLength(
      1,
    )
    expect(bench.slot.isHealthy).toBe(true)
    steering.resume('orders', [0, 1])
    await settle()
    expect(threads.last.handed.sort()).toEqual([0, 1, 1])
    await stop()
  })

  test('whose handler never comes back is over when its thread is dead', async () => {
    const bench = await running()
    const { steering, threads, stop } = bench
    const thread = threads.last
    thread.ledger.begin(0, handed(thread, 0).id, 0, 1, monotonicMs())
    thread.silent = true
    const pausing = steering.pause('orders', 0)
    await vi.advanceTimersByTimeAsync(5_000)
    thread.crash()
    await pausing
    await vi.advanceTimersByTimeAsync(500)
    threads.last.boot()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(threads.last.handed).toEqual([1])
    await stop()
  })

  describe('resolves when no handler of the partition is in flight, of whatever assignment', () => {
    /** A handler of partition 0 is in flight, in a thread that answers when it is told to. */
    const busy = async (assignors?: readonly string[]) => {
      const bench = await running(assignors)
      const thread = bench.threads.last
      thread.ledger.begin(0, handed(thread, 0).id, 0, 1, monotonicMs())
      thread.silent = true
      const [seat] = bench.seats
      if (seat === undefined) throw new Error('no seat')
      return { ...bench, thread, seat }
    }
    const isPending = async (promise: Promise<unknown>) => {
      let pending = true
      void promise.then(() => (pending = false))
      await settle()
      return pending
    }
    const untilBack = async ({ thread, stop }: Awaited<ReturnType<typeof busy>>, pausing: Promise<void>) => {
      expect(await isPending(pausing)).toBe(true)
      thread.ledger.end(0)
      thread.answer()
      await pausing
      await stop()
    }

    test('also of one that is just being given up, and of one that is gone', async () => {
      const bench = await busy()
      const { seat, slot, steering } = bench
      seat.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), async () => {}]
      seat.onJoin = [joinedAs('member-0', 2), joinedAs('member-0', 3)]
      seat.onSync = [assignment(1), assignment(1)]
      await vi.advanceTimersByTimeAsync(3_000)
      expect(slot.held).toMatchObject([{ partition: 0, leaving: true }, { partition: 1 }])
      const early = steering.pause('orders', 0)
      expect(await isPending(early)).toBe(true)
      await vi.advanceTimersByTimeAsync(60_000)
      expect(slot.held).toMatchObject([{ partition: 1 }])
      expect(await isPending(early)).toBe(true)
      await untilBack(bench, steering.pause('orders', undefined))
      await early
    })

    test('also of one that was given up and has come back', async () => {
      const bench = await busy(['roundrobin'])
      const { seat, slot, steering } = bench
      const { id } = handed(bench.thread, 0)
      seat.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), async () => {}]
      seat.onJoin = [joinedAs('member-0', 3)]
      seat.onSync = [assignment(0, 1)]
      await vi.advanceTimersByTimeAsync(60_000)
      expect(slot.status().seat.generation).toBe(3)
      expect(handed(bench.thread, 0).id).toBeGreaterThan(id)
      await untilBack(bench, steering.pause('orders', 0))
    })

    test('also when it was paused and sent elsewhere meanwhile', async () => {
      const bench = await busy()
      bench.poolClient.listOffsets = async ([where], at) =>
        where === undefined ? [] : [{ ...where, offset: at === 'earliest' ? 0n : 100n }]
      const early = bench.steering.pause('orders', 0)
      await bench.steering.seek('orders', 0, 10)
      await untilBack(bench, bench.steering.pause('orders', 0))
      await early
    })

    test('but asks no thread that never had it, nor one that is dead', async () => {
      const bench = await busy()
      const { thread, steering, stop } = bench
      await steering.pause('orders', 7)
      const pausing = steering.pause('orders', 0)
      expect(await isPending(pausing)).toBe(true)
      thread.crash()
      await pausing
      await stop()
    })
  })

  test('before the start, and for partitions that come later, holds when they are assigned', async () => {
    const bench = await running(['cooperative-sticky'], (steering) => steering.pause('orders', [0, 2]))
    const { threads, seats, slot, stop } = bench
    expect(threads.last.handed).toEqual([1])
    const [seat] = seats
    if (seat === undefined) throw new Error('no seat')
    seat.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), async () => {}]
    seat.onJoin = [joinedAs('member-0', 2), joinedAs('member-0', 3)]
    seat.onSync = [assignment(0, 1, 2), assignment(0, 1, 2)]
    await vi.advanceTimersByTimeAsync(5_000)
    expect(slot.status().assignment.map(({ onHoldForMs }) => onHoldForMs !== null)).toEqual([true, false, true])
    expect(threads.last.handed).toEqual([1])
    expect(slot.isHealthy).toBe(true)
    await stop()
  })

  test.each([['cooperative-sticky'], ['roundrobin']])('outlasts a rebalance (%s)', async (assignor) => {
    const bench = await running([assignor])
    const { steering, threads, seats, slot, stop } = bench
    await steering.pause('orders', 0)
    const [seat] = seats
    if (seat === undefined) throw new Error('no seat')
    seat.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), async () => {}]
    seat.onJoin = [joinedAs('member-0', 2), joinedAs('member-0', 4)]
    seat.onSync = [assignment(0, 1), assignment(0, 1)]
    await vi.advanceTimersByTimeAsync(20_000)
    expect(slot.status().seat.generation).toBeGreaterThan(1)
    expect(threads.last.handed.filter((partition) => partition === 0)).toEqual([0])
    expect(slot.isHealthy).toBe(true)
    await stop()
  })

  test('of a topic that nobody consumes, or of no partition, is refused', async () => {
    const { steering } = steered()
    await expect(steering.pause('odrers', 0)).rejects.toMatchObject({ code: 'KCP_NOT_SUBSCRIBED', topic: 'odrers' })
    await expect(steering.pause('orders', -1)).rejects.toThrow('expected the number of a partition, from 0, got -1')
    await expect(steering.pause('orders', ['1'] as never)).rejects.toThrow("got '1' (string)")
    expect(steering.resume('odrers', undefined)).toBe(false)
  })
})

describe('pool.resume', () => {
  test('hands a partition out at once where it was, and says whether it was paused', async () => {
    const bench = await running()
    const { steering, threads, stop } = bench
    const { page, index, id } = handed(threads.last, 0)
    page.finish(index, 7)
    await steering.pause('orders', 0)
    expect(steering.resume('orders', 1)).toBe(false)
    expect(steering.resume('orders', 0)).toBe(true)
    await settle()
    expect(handed(threads.last, 0)).toMatchObject({ offset: '7' })
    expect(handed(threads.last, 0).id).toBeGreaterThan(id)
    expect(partitionOf(bench, 0)).toMatchObject({ onHoldForMs: null })
    expect(bench.slot.isHealthy).toBe(true)
    await stop()
  })

  test('while the handler is still in flight lets the partition go on behind that', async () => {
    const bench = await running()
    const { steering, threads, stop } = bench
    const thread = threads.last
    const { page, index, id } = handed(thread, 0)
    thread.ledger.begin(0, id, 0, 1, monotonicMs())
    thread.silent = true
    void steering.pause('orders', undefined)
    await settle()
    steering.resume('orders', undefined)
    await vi.advanceTimersByTimeAsync(3_000)
    expect(handed(thread, 0).id).toBe(id)
    page.finish(index, 1)
    thread.ledger.end(0)
    thread.answer()
    await settle()
    expect(handed(thread, 0)).toMatchObject({ offset: '1' })
    expect(handed(thread, 0).id).toBeGreaterThan(id)
    await stop()
  })

  test('of what was paused does not try again what stands still there; said once more, it does', async () => {
    const bench = await running()
    const { steering, threads, slot, stop } = bench
    const { id } = handed(threads.last, 0)
    const failed = { type: 'failed', partitionId: id, offset: '0', attempt: 3, outcome: 'paused' } as const
    threads.last.say({ ...failed, retryInMs: null, error: { name: 'Error', message: 'bad' } })
    await steering.pause('orders', undefined)
    await vi.advanceTimersByTimeAsync(60 * 60_000)
    expect(threads.last.handed).toEqual([0, 1])
    expect(partitionOf(bench, 0)).toMatchObject({ paused: { reason: 'exhausted', retries: 0 } })
    expect(slot.isHealthy).toBe(false)
    threads.last.say({ ...failed, retryInMs: null, error: { name: 'Error', message: 'bad' } }) // too late to be heard
    expect(steering.resume('orders', undefined)).toBe(true)
    await vi.advanceTimersByTimeAsync(0)
    expect(handed(threads.last, 0)).toMatchObject({ exhausted: { offset: '0', attempts: 3 } })
    await stop()
  })

  test('of a partition with a convict ahead does not have that tried again', async () => {
    const bench = steered()
    const message = { offset: '9', deaths: 3, of: 'KCP_THREAD_EXITED', convictedAtMs: Date.UTC(2100, 0) }
    bench.committed.set(0, 7n)
    bench.metadata.set(0, JSON.stringify({ kcp: 1, at: '7', message }))
    await bench.steering.pause('orders', 0)
    const { threads, steering, stop } = await begun(bench)
    await vi.advanceTimersByTimeAsync(2_000)
    steering.resume('orders', 0)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(handed(threads.last, 0)).toMatchObject({ offset: '7', convicted: { offset: '9' } })
    expect(partitionOf(bench, 0)).toMatchObject({ paused: { reason: 'poisoned', offset: '9' } })
    await stop()
  })

  test('hurries what stands still and was not paused', async () => {
    const bench = await running()
    const { steering, threads, stop } = bench
    const { id } = handed(threads.last, 0)
    const failed = { type: 'failed', partitionId: id, offset: '0', attempt: 3, outcome: 'paused' } as const
    threads.last.say({ ...failed, retryInMs: null, error: { name: 'Error', message: 'bad' } })
    await steering.pause('orders', 0)
    expect(steering.resume('orders', undefined)).toBe(true)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(handed(threads.last, 0).id).toBe(id)
    expect(steering.resume('orders', undefined)).toBe(true)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(handed(threads.last, 0).id).toBeGreaterThan(id)
    await stop()
  })
})
