import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Departure } from '#src/control/membership/departure.js'
import type { SeekTarget } from '#src/control/steering/seek-target.js'
import { closedError } from '#src/kafka/errors.js'
import { monotonicMs } from '#src/util/clock.js'
import { deferred } from '#src/util/deferred.js'
import { kafkaError, unanswered } from '../../../support/control/fake-client.js'
import { assignment, joinedAs } from '../../../support/control/slot-bench.js'
import { begun, handed, partitionOf, steered } from '../../../support/control/steered-slot.js'

const REBALANCE_IN_PROGRESS = 27
const UNKNOWN_MEMBER_ID = 25
const UNKNOWN_TOPIC_OR_PARTITION = 3
const TOPIC_AUTHORIZATION_FAILED = 29
const GROUP_AUTHORIZATION_FAILED = 30
const WHERE = { topic: 'orders', partition: 0 }

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const settle = () => vi.advanceTimersByTimeAsync(0)

/** Partition 0 has the offsets 0 to 99, and is finished and committed up to 50. */
const running = async () => {
  const bench = steered()
  bench.committed.set(0, 50n)
  bench.poolClient.listOffsets = async ([where], at) =>
    where === undefined ? [] : [{ ...where, offset: at === 'earliest' ? 0n : 100n }]
  const ran = await begun(bench)
  await vi.advanceTimersByTimeAsync(1_000)
  const seek = (to: SeekTarget) => {
    let state = 'pending'
    const sought = ran.steering.seek('orders', 0, to)
    sought.then(
      () => (state = 'done'),
      () => (state = 'failed'),
    )
    return { sought, state: () => state }
  }
  return { ...ran, seek }
}

describe('pool.seek', () => {
  test.each<[SeekTarget, string]>([
    [10, '10'],
    [90n, '90'],
    ['beginning', '0'],
    ['end', '100'],
  ])('to %o hands the partition out there, under a new id, and commits that', async (to, offset) => {
    const { seek, threads, commits, slot, heard, stop } = await running()
    const thread = threads.last
    const { id, page, index } = handed(thread, 0)
    const { sought } = seek(to)
    expect(await sought).toBe(offset)
    expect(thread.requests.at(-1)).toMatchObject({ type: 'assign', removed: [id], added: [{ partition: 0, offset }] })
    expect(page.isRevoked(index)).toBe(true)
    expect(commits.at(-1)).toMatchObject([{ partition: 0, offset: BigInt(offset) }])
    expect(slot.isHealthy).toBe(true)
    expect(heard('group:assigned')).toHaveLength(1)
    await stop()
  })

  test('counts nothing of what was in flight, nor what its thread writes of that later', async () => {
    const bench = await running()
    const { seek, threads, commits, stop } = bench
    const { id, page, index } = handed(threads.last, 0)
    threads.last.ledger.begin(0, id, 50, 1, monotonicMs())
    await seek(10).sought
    page.finish(index, 51)
    threads.last.ledger.end(0)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(commits.at(-1)).toMatchObject([{ partition: 0, offset: 10n }])
    expect(partitionOf(bench, 0)).toMatchObject({ finishedUpTo: '10', committed: '10' })
    expect(bench.slot.status().dropped).toBe(1)
    await stop()
  })

  test('commits behind a commit of the old position that is under way', async () => {
    const { seek, threads, commits, poolClient, slot, stop } = await running()
    const { page, index } = handed(threads.last, 0)
    page.finish(index, 60)
    const stored = deferred<void>()
    const { commitOffsets } = poolClient
    poolClient.commitOffsets = async (...request) => {
      const answer = await commitOffsets(...request)
      await stored.promise
      return answer
    }
    void slot.commit()
    await settle()
    const { sought, state } = seek(10)
    await vi.advanceTimersByTimeAsync(500)
    expect(commits.at(-1)).toMatchObject([{ offset: 60n }])
    expect(state()).toBe('pending')
    stored.resolve()
    await sought
    expect(commits.slice(-2).flat()).toMatchObject([{ offset: 60n }, { offset: 10n }])
    await stop()
  })

  test('to what was committed last commits that again: a later commit that had no answer may be stored all the same', async () => {
    const { seek, threads, commits, poolClient, slot, stop } = await running()
    const { page, index } = handed(threads.last, 0)
    page.finish(index, 60)
    const { commitOffsets } = poolClient
    poolClient.commitOffsets = async (...request) => {
      await commitOffsets(...request)
      throw unanswered()
    }
    void slot.commit()
    await settle()
    expect(commits.at(-1)).toMatchObject([{ offset: 60n }])
    const { sought, state } = seek(50)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(state()).toBe('pending')
    poolClient.commitOffsets = commitOffsets
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await sought).toBe('50')
    expect(commits.at(-1)).toMatchObject([{ offset: 50n }])
    await stop()
  })

  test('resolves when the offset is stored, and not before, however long the coordinator is away', async () => {
    const { seek, threads, commits, poolClient, stop } = await running()
    const { commitOffsets } = poolClient
    poolClient.commitOffsets = () => Promise.reject(unanswered())
    const { sought, state } = seek(10)
    await vi.advanceTimersByTimeAsync(20_000)
    expect(state()).toBe('pending')
    const { page, index } = handed(threads.last, 0)
    page.finish(index, 12) // it goes on there meanwhile
    poolClient.commitOffsets = commitOffsets
    await vi.advanceTimersByTimeAsync(2_000)
    expect(await sought).toBe('10')
    expect(commits.at(-1)).toMatchObject([{ offset: 12n }])
    await stop()
  })

  test.each<[string, () => Promise<never[]>]>([
    ['of all', () => Promise.reject(kafkaError(GROUP_AUTHORIZATION_FAILED))],
    ['of the partition', async () => [{ ...WHERE, error: kafkaError(TOPIC_AUTHORIZATION_FAILED) }] as never[]],
    ['of a topic that is gone', async () => [{ ...WHERE, error: kafkaError(UNKNOWN_TOPIC_OR_PARTITION) }] as never[]],
  ])('fails when the broker refuses the commit %s for good: the partition goes on there, and it is committed when it may be', async (_, answer) => {
    const bench = await running()
    const { seek, poolClient, commits, stop } = bench
    const { commitOffsets } = poolClient
    poolClient.commitOffsets = answer
    const failing = expect(seek(10).sought).rejects.toMatchObject({
      ...{ code: 'KCP_BROKER_REFUSED', topic: 'orders', partition: 0, offset: '10' },
      message: expect.stringMatching(/orders-0 goes on at 10 in this pool, .+ whoever gets the partition begins at 50/),
    })
    await vi.advanceTimersByTimeAsync(60_000)
    await failing
    expect(partitionOf(bench, 0)).toMatchObject({ finishedUpTo: '10' })
    poolClient.commitOffsets = commitOffsets
    await vi.advanceTimersByTimeAsync(2_000)
    expect(commits.at(-1)).toMatchObject([{ partition: 0, offset: 10n }])
    await stop()
  })

  test('outlasts the thread: the next one begins there', async () => {
    const { seek, threads, stop } = await running()
    threads.last.crash()
    await vi.advanceTimersByTimeAsync(500)
    await seek(10).sought
    threads.last.boot()
    await settle()
    threads.last.crash()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(handed(threads.last, 0)).toMatchObject({ offset: '10' })
    await stop()
  })

  test('of a paused partition moves it, and leaves it paused', async () => {
    const bench = await running()
    const { seek, steering, threads, stop } = bench
    await steering.pause('orders', 0)
    await seek(10).sought
    await vi.advanceTimersByTimeAsync(2_000)
    expect(threads.last.handed).toEqual([0, 1])
    expect(partitionOf(bench, 0)).toMatchObject({ finishedUpTo: '10', onHoldForMs: 2_000 })
    steering.resume('orders', 0)
    expect(handed(threads.last, 0)).toMatchObject({ offset: '10' })
    await stop()
  })

  test('of one that stands still lets it go on, with nothing held against its messages', async () => {
    const bench = await running()
    const { seek, threads, heard, stop } = bench
    const { id } = handed(threads.last, 0)
    const failed = { type: 'failed', partitionId: id, offset: '50', attempt: 3, outcome: 'paused' } as const
    threads.last.say({ ...failed, retryInMs: null, error: { name: 'Error', message: 'bad' } })
    expect(partitionOf(bench, 0)).toMatchObject({ paused: { reason: 'exhausted' } })
    await seek(50).sought
    expect(heard('partition:resumed')).toMatchObject([{ partition: 0, offset: '50' }])
    const again = handed(threads.last, 0)
    expect(again).toMatchObject({ offset: '50' })
    expect([again.exhausted, again.failed]).toEqual([undefined, undefined])
    expect(bench.slot.isHealthy).toBe(true)
    await stop()
  })

  test('forgets which of its messages has killed', async () => {
    const { seek, threads, commits, stop } = await running()
    threads.last.ledger.begin(0, handed(threads.last, 0).id, 50, 1, monotonicMs())
    threads.last.crash()
    await vi.advanceTimersByTimeAsync(2_000)
    threads.last.boot()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(handed(threads.last, 0)).toMatchObject({ suspect: { offset: '50' } })
    expect(commits.at(-1)?.[0]?.metadata).toContain('"deaths":1')
    await seek(50).sought
    expect(handed(threads.last, 0)).not.toHaveProperty('suspect')
    expect(commits.at(-1)).toMatchObject([{ offset: 50n }])
    expect(commits.at(-1)?.[0]).not.toHaveProperty('metadata')
    await stop()
  })

  test('fails when the partition goes to another member before its position is stored', async () => {
    const { seek, seats, poolClient, stop } = await running()
    poolClient.commitOffsets = () => Promise.reject(unanswered())
    const { sought } = seek(10)
    const failing = expect(sought).rejects.toMatchObject({
      code: 'KCP_PARTITION_NOT_HELD',
      offset: '10',
      message: expect.stringContaining('goes on at 50'),
    })
    const [seat] = seats
    if (seat === undefined) throw new Error('no seat')
    seat.onHeartbeat = [() => Promise.reject(kafkaError(UNKNOWN_MEMBER_ID)), async () => {}]
    seat.onJoin = [joinedAs('member-1', 5)]
    seat.onSync = [assignment(1)]
    await vi.advanceTimersByTimeAsync(10_000)
    await failing
    await stop()
  })

  test('succeeds when it is stored just before the partition is given up', async () => {
    const { seek, seats, poolClient, commits, slot, stop } = await running()
    const { commitOffsets } = poolClient
    poolClient.commitOffsets = () => Promise.reject(unanswered())
    const { sought } = seek(10)
    const [seat] = seats
    if (seat === undefined) throw new Error('no seat')
    seat.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), async () => {}]
    seat.onJoin = [joinedAs('member-0', 2), joinedAs('member-0', 3)]
    seat.onSync = [assignment(1), assignment(1)]
    await vi.advanceTimersByTimeAsync(1_500)
    poolClient.commitOffsets = commitOffsets
    await vi.advanceTimersByTimeAsync(10_000)
    expect(slot.held.map(({ partition }) => partition)).toEqual([1])
    expect(await sought).toBe('10')
    expect(
      commits
        .flat()
        .filter(({ partition }) => partition === 0)
        .at(-1),
    ).toMatchObject({ offset: 10n })
    await stop()
  })

  test('fails when its slot is removed before its position is stored: another one of the pool has the partition then', async () => {
    const { seek, poolClient, slot } = await running()
    const { commitOffsets } = poolClient
    poolClient.commitOffsets = () => Promise.reject(unanswered())
    const { sought, state } = seek(10)
    const failing = expect(sought).rejects.toMatchObject({ code: 'KCP_PARTITION_NOT_HELD', offset: '10' })
    await settle()
    expect(state()).toBe('pending')
    const removed = slot.stop(monotonicMs() + 1_000, true, new Departure(1, () => false))
    await vi.advanceTimersByTimeAsync(20_000)
    await removed
    await failing
    poolClient.commitOffsets = commitOffsets
    await expect(seek(10).sought).rejects.toMatchObject({ code: 'KCP_PARTITION_NOT_HELD' })
  })

  test('holds while its slot drains, to be removed: whoever has the partition next begins there', async () => {
    const { seek, threads, commits, slot } = await running()
    const { id } = handed(threads.last, 0)
    threads.last.ledger.begin(0, id, 50, 1, monotonicMs())
    threads.last.silent = true // until its handler is back
    const removed = slot.stop(monotonicMs() + 10_000, true, new Departure(1, () => false))
    await settle()
    expect(await seek(10).sought).toBe('10')
    threads.last.ledger.end(0)
    threads.last.answer()
    await vi.advanceTimersByTimeAsync(20_000)
    await removed
    const stored = commits.flat().filter(({ partition }) => partition === 0)
    expect(stored.at(-1)).toMatchObject({ offset: 10n })
  })

  test('fails when the pool stops before its position is stored', async () => {
    const { seek, poolClient, stop } = await running()
    poolClient.commitOffsets = () => Promise.reject(unanswered())
    const { sought } = seek(10)
    const failing = expect(sought).rejects.toMatchObject({ code: 'KCP_POOL_STOPPED' })
    await vi.advanceTimersByTimeAsync(2_000)
    const stopping = stop()
    await vi.advanceTimersByTimeAsync(20_000)
    await stopping
    await failing
  })

  test('fails as that, too, when the pool stops while the log is asked', async () => {
    const { seek, poolClient, stop } = await running()
    const asked = deferred<never>()
    poolClient.listOffsets = () => asked.promise
    const failing = expect(seek(10).sought).rejects.toMatchObject({ code: 'KCP_POOL_STOPPED' })
    const stopping = stop()
    await vi.advanceTimersByTimeAsync(20_000)
    await stopping
    asked.reject(closedError())
    await failing
  })

  test('gives way to the next one', async () => {
    const { seek, poolClient, commits, stop } = await running()
    const { commitOffsets } = poolClient
    poolClient.commitOffsets = () => Promise.reject(unanswered())
    const failing = expect(seek(10).sought).rejects.toMatchObject({ code: 'KCP_PARTITION_NOT_HELD' })
    await vi.advanceTimersByTimeAsync(1_000)
    const { sought } = seek(20)
    await vi.advanceTimersByTimeAsync(1_000)
    poolClient.commitOffsets = commitOffsets
    await vi.advanceTimersByTimeAsync(2_000)
    await failing
    expect(await sought).toBe('20')
    expect(commits.at(-1)).toMatchObject([{ offset: 20n }])
    await stop()
  })

  test('is refused where the partition is not held, the topic not consumed, or the offset not there', async () => {
    const { steering, seek, stop } = await running()
    await expect(steering.seek('orders', 7, 0)).rejects.toMatchObject({ code: 'KCP_PARTITION_NOT_HELD', partition: 7 })
    await expect(steering.seek('odrers', 0, 0)).rejects.toMatchObject({ code: 'KCP_NOT_SUBSCRIBED' })
    await expect(seek(101).sought).rejects.toMatchObject({ code: 'KCP_OFFSET_OUT_OF_RANGE' })
    await expect(seek(-1).sought).rejects.toThrow(TypeError)
    await stop()
  })
})
