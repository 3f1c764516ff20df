import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { DeadLetterConfig } from '#src/config/resolved.js'
import { NO_LEADER } from '#src/kafka/metadata.js'
import { leadersOf } from '#src/kafka/partition-leaders.js'
import { NO_END, Page } from '#src/protocol/page.js'
import { monotonicMs } from '#src/util/clock.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import type { FakeIncarnation } from '../../../support/control/fake-threads.js'
import { slotBench } from '../../../support/control/slot-bench.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const settle = () => vi.advanceTimersByTimeAsync(0)

/** A slot that holds partitions 0 and 1 of `orders`, and whose message 7 of partition 0 fails. */
const running = async ({
  metadata = '',
  deadLetter = null,
}: {
  metadata?: string
  deadLetter?: DeadLetterConfig | null
} = {}) => {
  const retry = { ...slotConfig().retry, initialPauseMs: 30_000, maxPauseMs: 100_000 }
  const bench = slotBench({ config: slotConfig({ retry, deadLetter }) })
  bench.committed.set(0, 7n)
  bench.metadata.set(0, metadata)
  const starting = bench.slot.boot().then(() => bench.slot.join())
  await settle()
  bench.threads.last.boot()
  await starting
  const watching = setInterval(() => bench.slot.watch(monotonicMs()), 1_000)
  return {
    ...bench,
    stop: async () => {
      clearInterval(watching)
      await bench.slot.stop(monotonicMs() + 1_000, true)
    },
    status: (partition = 0) => {
      const found = bench.slot.status().assignment.find((each) => each.partition === partition)
      if (found === undefined) throw new Error(`partition ${partition} is not held`)
      return found
    },
    outlook: () => bench.slot.outlook,
  }
}

/** What the thread was told last about a partition. */
const handed = (thread: FakeIncarnation, partition = 0) => {
  for (const request of [...thread.requests].reverse()) {
    if (request.type !== 'assign') continue
    const found = request.added.find((each) => each.partition === partition)
    if (found !== undefined) return { ...found, removed: request.removed, page: Page.from(request.page) }
  }
  throw new Error(`partition ${partition} was not handed out`)
}

const fail = (thread: FakeIncarnation, attempt: number, offset = 7) => {
  const error = { name: 'TypeError', message: 'no database', code: 'E_DB' }
  const { id } = handed(thread)
  thread.say({
    ...{ type: 'failed', partitionId: id, offset: String(offset), attempt, error },
    ...{ retryInMs: null, outcome: 'paused' },
  })
}

/** Until the pause is over, whatever its jitter. */
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms * 1.2 + 1_000)

test('the event and the status of an exhausted message have KCP_HANDLER_EXHAUSTED, with the error of the handler as its cause', async () => {
  const bench = await running()
  fail(bench.threads.last, 10)
  const where = { slot: 0, groupId: 'group', topic: 'orders', partition: 0, offset: '7', attempts: 10 }
  expect(bench.heard('message:failed')).toMatchObject([{ error: { name: 'TypeError', message: 'no database' } }])
  expect(bench.heard('partition:paused')).toMatchObject([
    {
      ...{ slot: 0, topic: 'orders', partition: 0, offset: '7', attempts: 10, retries: 0 },
      error: {
        ...{ name: 'PoolError', code: 'KCP_HANDLER_EXHAUSTED', ...where },
        message: expect.stringMatching(/10 times on orders-0@7.*no database/),
        cause: { name: 'TypeError', message: 'no database', code: 'E_DB' },
      },
    },
  ])
  expect(bench.status().paused).toMatchObject({
    ...{ offset: '7', attempts: 10, retries: 0, retryInMs: expect.any(Number) },
    error: { name: 'PoolError', code: 'KCP_HANDLER_EXHAUSTED', cause: { name: 'TypeError', code: 'E_DB' } },
  })
  await bench.stop()
})

test('a partition that stands still is assigned anew after its pause, with growing pauses, until it moves on', async () => {
  const bench = await running()
  const thread = bench.threads.last
  fail(thread, 10)
  const first = handed(thread)
  await vi.advanceTimersByTimeAsync(20_000)
  expect(handed(thread)).toMatchObject({ id: first.id })
  await vi.advanceTimersByTimeAsync(17_000)
  const second = handed(thread)
  expect(second).toMatchObject({ offset: '7', removed: [first.id], exhausted: { offset: '7', attempts: 10 } })
  expect(bench.status().paused).toMatchObject({ retries: 0, retryInMs: null })
  expect(bench.outlook()).toBe('moving')

  fail(thread, 11)
  expect(bench.heard('partition:paused')).toMatchObject([{ retries: 0 }, { attempts: 11, retries: 1 }])
  await vi.advanceTimersByTimeAsync(45_000)
  expect(handed(thread)).toMatchObject({ id: second.id })
  await vi.advanceTimersByTimeAsync(28_000)
  expect(handed(thread)).toMatchObject({ removed: [second.id], exhausted: { attempts: 11 } })

  expect(bench.heard('partition:resumed')).toEqual([])
  const { page, index } = handed(thread)
  page.finish(index, 8)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(bench.heard('partition:resumed')).toMatchObject([{ topic: 'orders', partition: 0, offset: '7' }])
  expect(bench.status().paused).toBeNull()
  fail(thread, 10, 8)
  expect(bench.heard('partition:paused').at(-1)).toMatchObject({ offset: '8', retries: 0 })
  await bench.stop()
})

test('a pause outlasts the thread: the next one is given the partition when it is due, with the count of its tries', async () => {
  const bench = await running()
  fail(bench.threads.last, 10)
  bench.threads.last.crash()
  await settle()
  bench.threads.last.boot()
  await settle()
  expect(bench.threads.last.handed).toEqual([1])
  await pass(30_000)
  expect(handed(bench.threads.last)).toMatchObject({ exhausted: { attempts: 10 } })
  bench.threads.last.crash()
  await settle()
  bench.threads.last.boot()
  await settle()
  expect(handed(bench.threads.last)).toMatchObject({ exhausted: { attempts: 10 } })
  await bench.stop()
})

test('a batch that cannot be read is asked for again after the pause, and the slot is stuck when nothing else is there', async () => {
  const bench = await running()
  const thread = bench.threads.last
  const unreadable = (partition: number) => {
    const { id, offset } = handed(thread, partition)
    const error = { name: 'PoolError', code: 'KCP_BATCH_UNDECODABLE', message: 'damaged' }
    thread.say({ type: 'partition-paused', partitionId: id, offset, error })
  }
  for (const partition of [0, 1]) unreadable(partition)
  expect(bench.heard('partition:paused')).toMatchObject([
    { partition: 0, attempts: null, error: { code: 'KCP_BATCH_UNDECODABLE', offset: '7', slot: 0 } },
    { partition: 1, attempts: null },
  ])
  expect(bench.outlook()).toBe('moving')
  await pass(30_000)
  expect(handed(thread).exhausted).toBeUndefined()
  unreadable(0)
  expect(bench.outlook()).toBe('moving')
  unreadable(1)
  expect(bench.outlook()).toBe('stuck')
  const { page, index } = handed(thread, 1)
  page.finish(index, 1)
  await pass(60_000)
  expect(bench.outlook()).toBe('moving')
  await bench.stop()
})

test('lag goes on being asked for while a partition stands still, waits for a retry or cannot be fetched, and for no other', async () => {
  const bench = await running()
  const thread = bench.threads.last
  for (const partition of [0, 1]) {
    const { page, index } = handed(thread, partition)
    page.fetched(index, 7, 7)
  }
  const asked: number[][] = []
  let end = 100n
  const partitions = [0, 1].map((partition) => ({ partition, leader: 1 }))
  bench.poolClient.topics = async () => [{ topic: 'orders', error: null, partitions }]
  bench.poolClient.listOffsets = async (partitions, at, { readUncommitted }) => {
    expect([at, readUncommitted]).toEqual(['latest', false])
    asked.push(partitions.map(({ partition }) => partition))
    return partitions.map((each) => ({ ...each, offset: end }))
  }
  await vi.advanceTimersByTimeAsync(15_000)
  expect(asked).toEqual([])
  fail(thread, 10)
  await vi.advanceTimersByTimeAsync(1_000)
  expect([asked, bench.status().lag]).toEqual([[[0]], '93'])
  end = 120n
  const other = handed(thread, 1)
  other.page.retryAt(other.index, monotonicMs() + 15_000)
  await vi.advanceTimersByTimeAsync(10_000)
  expect([asked.at(-1), bench.status().lag, bench.status(1).lag]).toEqual([[0, 1], '113', '120'])
  other.page.retryAt(other.index, null)
  await vi.advanceTimersByTimeAsync(10_000)
  expect(asked.at(-1)).toEqual([0])
  other.page.fetched(other.index, 7, NO_END)
  expect(bench.status(1).lag).toBe(null)
  await vi.advanceTimersByTimeAsync(10_000)
  expect([asked.at(-1), bench.status(1).lag]).toEqual([[0, 1], '120'])
  bench.poolClient.listOffsets = () => Promise.reject(new Error('the brokers are away'))
  await vi.advanceTimersByTimeAsync(10_000)
  expect(bench.status().lag).toBe('113')
  await bench.stop()
})

test('lag is asked for while the thread says nothing, so that one which something keeps from its work stalls', async () => {
  const bench = await running()
  const { ledger } = bench.threads.last
  const partitions = [0, 1].map((partition) => ({ partition, leader: 1 }))
  let asked = 0
  bench.poolClient.topics = async () => [{ topic: 'orders', error: null, partitions }]
  bench.poolClient.listOffsets = async (partitions) => {
    asked += 1
    return partitions.map((each) => ({ ...each, offset: 100n }))
  }
  for (const partition of [0, 1]) {
    const { page, index } = handed(bench.threads.last, partition)
    page.fetched(index, Number(page.finishedUpTo(index)), Number(page.finishedUpTo(index)))
  }
  for (let second = 0; second < 60; second++) {
    ledger.noteMemory({ heapUsed: 0, heapLimit: 1_024, external: 0 }, 'fine', monotonicMs())
    await vi.advanceTimersByTimeAsync(1_000)
  }
  expect([asked, bench.status().lag, bench.slot.isHealthy]).toEqual([0, '0', true])
  await vi.advanceTimersByTimeAsync(300_000)
  expect([bench.status().lag, bench.slot.isHealthy]).toEqual(['93', false])
  expect(bench.heard('slot:stalled')).toHaveLength(1)
  await bench.stop()
})

test('a partition that stands still and has no leader keeps nobody from hearing of the lag of the others', async () => {
  const bench = await running()
  const thread = bench.threads.last
  fail(thread, 10)
  const other = handed(thread, 1)
  other.page.retryAt(other.index, monotonicMs() + 60_000)
  const asked: number[][] = []
  let leader = NO_LEADER
  const topics = async () => [
    {
      topic: 'orders',
      error: null,
      partitions: [0, 1].map((partition) => ({ partition, leader: partition ? leader : 1 })),
    },
  ]
  bench.poolClient.topics = topics
  bench.poolClient.listOffsets = async (partitions) => {
    leadersOf(partitions, await topics())
    asked.push(partitions.map(({ partition }) => partition))
    return partitions.map((each) => ({ ...each, offset: 100n }))
  }
  await vi.advanceTimersByTimeAsync(1_000)
  expect([asked, bench.status().lag, bench.status(1).lag]).toEqual([[[0]], '93', null])
  leader = 2
  await vi.advanceTimersByTimeAsync(10_000)
  expect([asked.slice(1), bench.status(1).lag]).toEqual([[[0], [1]], '100'])
  await bench.stop()
})

test('a broker that does not answer keeps nobody from hearing of the lag of what others lead', async () => {
  const bench = await running()
  const thread = bench.threads.last
  fail(thread, 10)
  const other = handed(thread, 1)
  other.page.retryAt(other.index, monotonicMs() + 60_000)
  const partitions = [0, 1].map((partition) => ({ partition, leader: 1 + partition }))
  bench.poolClient.topics = async () => [{ topic: 'orders', error: null, partitions }]
  let end = 100n
  let unanswered = 0
  bench.poolClient.listOffsets = async (wanted) => {
    if (wanted.some(({ partition }) => partition === 1)) {
      unanswered++
      return new Promise(() => {})
    }
    return wanted.map((each) => ({ ...each, offset: end }))
  }
  await vi.advanceTimersByTimeAsync(1_000)
  expect([bench.status().lag, bench.status(1).lag]).toEqual(['93', null])
  end = 120n
  await vi.advanceTimersByTimeAsync(10_000)
  expect([bench.status().lag, unanswered]).toEqual(['113', 1])
  await bench.stop()
})

test('a partition without a leader, in which nothing moves, makes no slot look as if it moved; one that has nothing to do does', async () => {
  const bench = await running()
  fail(bench.threads.last, 10)
  await pass(45_000)
  fail(bench.threads.last, 11)
  expect([bench.status(1).lag, bench.outlook()]).toEqual([null, 'moving'])
  await pass(2 * slotConfig().consumer.sessionTimeout)
  expect(bench.heard('slot:stalled')).toMatchObject([{ partitions: [{ partition: 1 }] }])
  fail(bench.threads.last, 12)
  expect(bench.outlook()).toBe('stuck')
  const other = handed(bench.threads.last, 1)
  other.page.fetched(other.index, 0, 0) // it has a leader, and is empty
  await pass(1_000)
  expect(bench.outlook()).toBe('moving')
  await bench.stop()
})

test('an offset reset ends the pause: what the partition stood at is gone', async () => {
  const bench = await running()
  fail(bench.threads.last, 10)
  await pass(30_000)
  const { id } = handed(bench.threads.last)
  bench.threads.last.say({ type: 'offset-reset', partitionId: id, from: '7', to: '3', reason: 'truncated' })
  expect(bench.status().paused).toBeNull()
  expect(bench.heard('partition:resumed')).toHaveLength(1)
  await bench.stop()
})

test('an offset reset behind what was fetched ends no pause: the message is in the buffer still', async () => {
  const bench = await running()
  fail(bench.threads.last, 10)
  await pass(30_000)
  const { id, page, index } = handed(bench.threads.last)
  bench.threads.last.say({ type: 'offset-reset', partitionId: id, from: '50', to: '100', reason: 'out-of-range' })
  await pass(1_000)
  expect(bench.status().paused).toMatchObject({ offset: '7', retryInMs: null })
  expect(bench.heard('partition:resumed')).toEqual([])
  page.finish(index, 8)
  await pass(1_000)
  expect(bench.heard('partition:resumed')).toHaveLength(1)
  await bench.stop()
})

test('a partition whose start cannot be looked up keeps no other one from being tried again', async () => {
  const config = slotConfig({ retry: { ...slotConfig().retry, initialPauseMs: 30_000 } })
  const bench = slotBench({ config })
  const listOffsets = bench.poolClient.listOffsets
  bench.committed.set(0, 7n)
  bench.committed.set(1, -1n)
  bench.poolClient.listOffsets = async (partitions, ...rest) => {
    if (partitions.some(({ partition }) => partition === 1)) throw new Error('no leader')
    return listOffsets.call(bench.poolClient, partitions, ...rest)
  }
  void bench.slot.boot().then(() => bench.slot.join())
  await settle()
  bench.threads.last.boot()
  await settle()
  expect(bench.threads.last.handed).toEqual([0])
  const watching = setInterval(() => bench.slot.watch(monotonicMs()), 1_000)
  fail(bench.threads.last, 10)
  await pass(30_000)
  expect(handed(bench.threads.last)).toMatchObject({ exhausted: { offset: '7', attempts: 10 } })
  clearInterval(watching)
  await bench.slot.stop(monotonicMs() + 1_000, true)
})

test('a slot is not stuck while it handles what comes before a batch that cannot be read, whatever threads died meanwhile', async () => {
  const bench = await running()
  const unreadable = () => {
    for (const partition of [0, 1]) {
      const { id } = handed(bench.threads.last, partition)
      const error = { name: 'PoolError', code: 'KCP_CODEC_MISSING', message: 'no codec' }
      bench.threads.last.say({ type: 'partition-paused', partitionId: id, offset: '100', error })
    }
  }
  unreadable()
  bench.threads.last.crash()
  await settle()
  bench.threads.last.boot()
  await settle()
  unreadable()
  expect(bench.outlook()).toBe('moving')
  for (const partition of [0, 1]) {
    const { page, index } = handed(bench.threads.last, partition)
    page.finish(index, 100)
  }
  expect(bench.outlook()).toBe('stuck')
  await bench.stop()
})

test('an offset reset to another log ends what is held against a message: another one stands there', async () => {
  const message = { offset: '7', deaths: 2, of: 'KCP_THREAD_EXITED', convictedAtMs: null }
  const { threads, stop } = await running({ metadata: JSON.stringify({ kcp: 1, at: '7', message }) })
  const { id, page, index, suspect } = handed(threads.last)
  expect(suspect).toEqual({ offset: '7' })
  threads.last.say({ type: 'offset-reset', partitionId: id, from: '7', to: '3', reason: 'out-of-range' })
  page.finish(index, 3)
  threads.last.crash()
  await pass(1_000)
  expect(handed(threads.last)).toMatchObject({ offset: '3', page: expect.anything() })
  expect(handed(threads.last).suspect).toBeUndefined()
  await stop()
})

describe('before a batch of which threads die a partition', () => {
  const batch = { offset: '9', last: '20', deaths: 3, of: 'KCP_THREAD_OUT_OF_MEMORY', convictedAtMs: Date.UTC(2100, 0) }
  const metadata = JSON.stringify({ kcp: 1, at: '7', batch })

  test('whose earlier message is exhausted is tried again there, and resumed there, before it stands still at the batch', async () => {
    const { threads, heard, status, stop, slot } = await running({ metadata })
    await pass(1_000)
    expect(heard('partition:paused')).toMatchObject([{ reason: 'poisoned', offset: '9' }])
    fail(threads.last, 1)
    await pass(5_000)
    expect(status().paused).toMatchObject({ reason: 'exhausted', offset: '7' })
    await pass(30_000)
    expect(handed(threads.last)).toMatchObject({ offset: '7', exhausted: { offset: '7' }, stopsAt: '9' })
    fail(threads.last, 2)
    slot.resume({ topic: 'orders', partition: 0 })
    const before = handed(threads.last).id
    await pass(1_000)
    expect(handed(threads.last).id).toBeGreaterThan(before)
    const { page, index } = handed(threads.last)
    page.finish(index, 9)
    await pass(1_000)
    expect(status().paused).toMatchObject({ reason: 'poisoned', offset: '9' })
    expect(heard('partition:paused')).toHaveLength(4)
    await stop()
  })

  test('that waits for a dead letter says so once, and no thread gets it until the letter is stored', async () => {
    const deadLetter = { topic: 'dead', partition: 'any', breaker: 10, resumeAfterMs: null } as const
    const { threads, heard, status, stop, store } = await running({ metadata, deadLetter })
    await pass(1_000)
    const { id } = handed(threads.last)
    threads.last.say({
      ...{ type: 'dead-letter', partitionId: id, offset: '7', attempt: 1, reason: 'exhausted', follows: false },
      ...{ error: { name: 'Error', message: 'bad' }, message: { key: null, value: null, headers: [], timestamp: 0n } },
    })
    await settle()
    store.fail(new Error('away'))
    await pass(20_000)
    expect(status().paused).toMatchObject({ reason: 'dead-letter', offset: '7' })
    expect(heard('partition:paused').map((event) => (event as { reason: string }).reason)).toEqual([
      'poisoned',
      'dead-letter',
    ])
    expect(handed(threads.last).id).toBe(id)
    const stopping = stop()
    await pass(2_000)
    await stopping
  })

  test('stands still at a convict of its own first', async () => {
    const message = { offset: '7', deaths: 3, of: 'KCP_THREAD_EXITED', convictedAtMs: batch.convictedAtMs }
    const both = JSON.stringify({ kcp: 1, at: '7', message, batch })
    const { threads, status, stop, slot } = await running({ metadata: both })
    await pass(1_000)
    expect(status().paused).toMatchObject({ reason: 'poisoned', offset: '7' })
    slot.resume({ topic: 'orders', partition: 0 })
    await pass(1_000)
    expect(handed(threads.last)).toMatchObject({ offset: '7', suspect: { offset: '7' } })
    await stop()
  })
})
