import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { DeadLetterConfig, SlotConfig } from '#src/config/resolved.js'
import type { ThreadRequest } from '#src/control/threads/incarnation.js'
import type { AssignedPartition, FromThread } from '#src/protocol/messages.js'
import { Page } from '#src/protocol/page.js'
import { monotonicMs } from '#src/util/clock.js'
import { eager, slotConfig } from '../../../support/config/slot-config.js'
import { kafkaError } from '../../../support/control/fake-client.js'
import type { FakeIncarnation } from '../../../support/control/fake-threads.js'
import { assignment, joinedAs, slotBench } from '../../../support/control/slot-bench.js'

/*
 * What a slot does with the messages that its threads give up, while everything else happens to it. The store says what
 * becomes of each attempt.
 */

const settle = () => vi.advanceTimersByTimeAsync(0)

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const MISSING = kafkaError(3, 'UNKNOWN_TOPIC_OR_PARTITION')

type Assign = Extract<ThreadRequest, { type: 'assign' }>
type Bench = Awaited<ReturnType<typeof running>>

const running = async (deadLetter: Partial<DeadLetterConfig> = {}, more: Partial<SlotConfig> = {}) => {
  const config = slotConfig({
    deadLetter: { topic: '{topic}.dlq', partition: 'any', breaker: 10, resumeAfterMs: null, ...deadLetter },
    ...more,
  })
  const bench = slotBench({ config })
  const starting = bench.slot.boot().then(() => bench.slot.join())
  await settle()
  bench.threads.last.boot()
  await settle()
  await starting
  return bench
}

/** The partition as this thread was last given it, with its page. */
const given = (
  thread: FakeIncarnation,
  partition: number,
): (AssignedPartition & { readonly page: Page }) | undefined => {
  const requests = thread.requests.filter((request): request is Assign => request.type === 'assign').reverse()
  for (const { added, page } of requests) {
    const found = added.find((each) => each.partition === partition)
    if (found !== undefined) return { ...found, page: Page.from(page) }
  }
  return undefined
}

const letter = (
  partitionId: number,
  offset: number,
  more: object = {},
): Extract<FromThread, { type: 'dead-letter' }> => ({
  ...{ type: 'dead-letter', partitionId, offset: String(offset), attempt: 10, reason: 'exhausted' },
  error: { name: 'Error', message: 'no' },
  message: { key: null, value: new Uint8Array([1]), headers: [], timestamp: 1n },
  follows: false,
  ...more,
})

/** The slot's thread gives up a message: as it does, it has finished what is before it. */
const giveUp = (bench: Bench, offset: number, more: { partition?: number; follows?: boolean } = {}): void => {
  const thread = bench.threads.last
  const place = given(thread, more.partition ?? 0)
  if (place === undefined) throw new Error('the thread does not have the partition')
  place.page.finish(place.index, offset)
  thread.say(letter(place.id, offset, { follows: more.follows ?? false }))
}

const answers = (thread: FakeIncarnation) =>
  thread.sent.flatMap((message) => (message.type === 'dead-letter' ? [message.outcome] : []))

const partitionOf = ({ slot }: Bench, partition = 0) => {
  const found = slot.status().assignment.find((each) => each.partition === partition)
  if (found === undefined) throw new Error(`partition ${partition} is not held`)
  return found
}

/** What the slot does once a second. */
const pass = async ({ slot }: Bench, seconds: number): Promise<void> => {
  for (let n = 0; n < seconds; n++) {
    await vi.advanceTimersByTimeAsync(1_000)
    slot.watch(monotonicMs())
  }
  await settle()
}

/** By the clock of the test: the longest pause is a minute and a fifth. */
const passUntilTried = async (bench: Bench): Promise<void> => {
  for (let second = 0; bench.store.writing === 0; second++) {
    if (second > 75) throw new Error('it is not tried again')
    await pass(bench, 1)
  }
}

const crash = async (bench: Bench): Promise<void> => {
  bench.threads.last.crash()
  await settle()
  await vi.advanceTimersByTimeAsync(3_000)
  bench.threads.last.boot()
  await settle()
}

const stop = async ({ slot }: Bench) => slot.stop(monotonicMs() + 1_000, true)

describe('a message that was given up', () => {
  test('is finished, told of and counted when it is stored, not before; then its thread goes on', async () => {
    const bench = await running()
    giveUp(bench, 5)
    expect(bench.store.asked).toMatchObject([
      {
        topic: 'orders.dlq',
        partition: 'any',
        facts: { topic: 'orders', partition: 0, offset: '5', groupId: 'group' },
      },
    ])
    await pass(bench, 1)
    await bench.slot.commit()
    expect(bench.commits.flat()).toMatchObject([{ partition: 0, offset: 5n }])
    expect(partitionOf(bench)).toMatchObject({ finishedUpTo: '5', paused: null })
    expect(bench.slot.isHealthy).toBe(true)
    expect(answers(bench.threads.last)).toEqual([])

    bench.store.succeed('17')
    await settle()
    expect(answers(bench.threads.last)).toEqual(['stored'])
    expect(partitionOf(bench)).toMatchObject({ finishedUpTo: '6', paused: null })
    expect(bench.slot.status().deadLettered).toBe(1)
    expect(bench.heard('message:dead-lettered')).toMatchObject([
      {
        ...{ slot: 0, incarnation: 1, topic: 'orders', partition: 0, offset: '5', attempt: 10, reason: 'exhausted' },
        deadLetter: { topic: 'orders.dlq', partition: 0, offset: '17' },
      },
    ])
    await bench.slot.commit()
    expect(bench.commits.at(-1)).toMatchObject([{ partition: 0, offset: 6n }])
    await stop(bench)
  })

  test('that cannot be stored is tried again after longer and longer, and said so; no thread has its partition', async () => {
    const bench = await running()
    const other = given(bench.threads.last, 1)
    other?.page.fetched(other.index, 0, 0) // nothing waits there, so nothing stands still
    giveUp(bench, 5)
    bench.store.fail(MISSING)
    await settle()
    expect(answers(bench.threads.last)).toEqual(['standstill'])
    expect(bench.slot.isHealthy).toBe(false)
    expect(partitionOf(bench).paused).toMatchObject({
      ...{ reason: 'dead-letter', offset: '5', attempts: 10, retries: 0 },
      error: { code: 'KCP_DEAD_LETTER_NOT_STORED' },
    })
    const triedAt: number[] = []
    for (let second = 1; second <= 60; second++) {
      await pass(bench, 1)
      if (bench.store.writing === 0) continue
      triedAt.push(second)
      expect(partitionOf(bench).paused).toMatchObject({ retryInMs: null })
      bench.store.fail(MISSING)
      await settle()
    }
    // 1, 2, 4, 8, 16 s, each ± 20 % and up to the next second.
    expect(triedAt.length).toBeGreaterThanOrEqual(4)
    expect(triedAt.length).toBeLessThanOrEqual(6)
    expect(bench.heard('partition:paused')).toHaveLength(1)
    const lines = bench.errors.filter(({ msg }) => /waits for its dead letter/.test(msg))
    expect(lines.length).toBeLessThanOrEqual(2)
    expect(bench.threads.last.handed).toEqual([0, 1])
    expect(partitionOf(bench)).toMatchObject({ finishedUpTo: '5' })

    await passUntilTried(bench)
    bench.store.succeed()
    await pass(bench, 1)
    expect(given(bench.threads.last, 0)).toMatchObject({ offset: '6' })
    expect(given(bench.threads.last, 0)).not.toHaveProperty('exhausted')
    expect(answers(bench.threads.last)).toEqual(['standstill'])
    expect(bench.heard('partition:resumed')).toMatchObject([{ partition: 0, offset: '5' }])
    expect(bench.slot.isHealthy).toBe(true)
    await stop(bench)
  })

  test('is tried again at once when somebody resumes its partition', async () => {
    const bench = await running()
    giveUp(bench, 5)
    bench.store.fail(MISSING)
    await settle()
    expect(bench.slot.resume({ topic: 'orders', partition: 1 })).toBe(false)
    expect(bench.slot.resume({ topic: 'orders', partition: 0 })).toBe(true)
    bench.slot.watch(monotonicMs())
    expect(bench.store.writing).toBe(1)
    bench.store.succeed()
    await stop(bench)
  })

  test('that has no answer for ten seconds is told of, though it may be stored still', async () => {
    const bench = await running()
    giveUp(bench, 5)
    await pass(bench, 9)
    expect(bench.slot.isHealthy).toBe(true)
    await pass(bench, 2)
    expect(bench.slot.isHealthy).toBe(false)
    expect(partitionOf(bench).paused).toMatchObject({ reason: 'dead-letter', retryInMs: null })
    expect(partitionOf(bench).paused?.error.message).toContain('no answer after 10 s, still waiting')
    bench.store.succeed()
    await pass(bench, 1)
    expect(bench.store.asked).toHaveLength(1)
    expect(given(bench.threads.last, 0)).toMatchObject({ offset: '6' })
    expect(bench.heard('partition:paused')).toHaveLength(1)
    expect(bench.heard('partition:resumed')).toHaveLength(1)
    await stop(bench)
  })

  test('is not taken for one where nothing moves, and is no handler that hangs', async () => {
    const bench = await running()
    for (const [partition, end] of [100, 0].entries()) {
      const place = given(bench.threads.last, partition)
      place?.page.fetched(place.index, end, end)
    }
    giveUp(bench, 5)
    await pass(bench, 200)
    expect(bench.heard('slot:stalled')).toEqual([])
    expect(bench.slot.status()).toMatchObject({ stalled: false, inFlight: 0 })
    bench.store.fail(MISSING)
    await pass(bench, 200)
    expect(bench.heard('slot:stalled')).toEqual([])
    bench.store.succeed()
    await stop(bench)
  })

  test('that stands no longer where its thread has gone back to keeps nobody up once it is stored', async () => {
    const bench = await running()
    giveUp(bench, 5)
    const place = given(bench.threads.last, 0)
    place?.page.finish(place.index, 3)
    bench.store.fail(MISSING)
    await settle()
    expect(bench.slot.resume({ topic: 'orders', partition: 0 })).toBe(true)
    bench.slot.watch(monotonicMs())
    bench.store.succeed()
    await pass(bench, 1)
    const again = given(bench.threads.last, 0)
    expect(again).toMatchObject({ offset: '3' })
    expect(partitionOf(bench).paused).toBe(null)
    again?.page.finish(again.index, 5)
    await crash(bench)
    await pass(bench, 2)
    expect(given(bench.threads.last, 0)).toMatchObject({ offset: '5' })
    await stop(bench)
  })

  test('waits on when its thread is moved elsewhere before it hears of it, and is said to have moved on once, when it is stored', async () => {
    const bench = await running()
    giveUp(bench, 5)
    bench.store.fail(MISSING)
    await settle()
    const partitionId = given(bench.threads.last, 0)?.id ?? -1
    bench.threads.last.say({ type: 'offset-reset', partitionId, from: '50', to: '100', reason: 'out-of-range' })
    bench.slot.watch(monotonicMs())
    expect(bench.heard('offset:reset')).toHaveLength(1)
    expect(bench.heard('partition:resumed')).toEqual([])
    expect([bench.store.writing, bench.slot.isHealthy]).toEqual([0, false])
    await passUntilTried(bench)
    bench.store.succeed()
    await pass(bench, 1)
    expect([bench.heard('partition:paused'), bench.heard('partition:resumed')]).toMatchObject([[{}], [{}]])
    await stop(bench)
  })

  test('counts as finished once, whether its thread is there to hear of it or not, and proves a thread that died after it', async () => {
    const bench = await running()
    giveUp(bench, 5)
    bench.store.succeed()
    await settle()
    bench.threads.last.crash()
    await settle()
    expect(bench.heard('slot:crashed')).toMatchObject([{ finished: 1, restartInMs: 0 }])
    bench.threads.last.boot()
    await settle()
    giveUp(bench, 6)
    bench.store.fail(MISSING)
    await passUntilTried(bench)
    bench.store.succeed()
    await pass(bench, 1)
    giveUp(bench, 7)
    bench.threads.boards = false
    bench.threads.last.crash()
    bench.store.succeed()
    await settle()
    expect(bench.slot.status()).toMatchObject({ finished: 3, deadLettered: 3 })
    bench.threads.last.board()
    await stop(bench)
  })

  test('proves no thread that comes after the one which gave it up', async () => {
    const bench = await running()
    giveUp(bench, 5)
    bench.store.succeed()
    await settle()
    for (let n = 0; n < 2; n++) {
      bench.threads.last.crash()
      await settle()
      bench.threads.last.boot()
      await settle()
    }
    expect(bench.heard('slot:crashed')).toMatchObject([{ finished: 1 }, { finished: 0 }])
    await stop(bench)
  })

  test('keeps a pool from going on for ever without anything else: after a minute in vain it is stuck', async () => {
    const bench = await running()
    for (const partition of [0, 1]) giveUp(bench, 5, { partition })
    const outlooks = new Set<string>()
    for (let second = 0; second < 200; second++) {
      while (bench.store.writing > 0) bench.store.fail(MISSING)
      await pass(bench, 1)
      if (second === 20) outlooks.add(bench.slot.outlook)
    }
    expect([...outlooks, bench.slot.outlook]).toEqual(['moving', 'stuck'])
    await stop(bench)
  })
})

describe('while a dead letter is written', () => {
  test('its thread dies: the next one does not get the message, and it is written once', async () => {
    const bench = await running()
    giveUp(bench, 5)
    await crash(bench)
    expect(bench.threads.all).toHaveLength(2)
    expect(bench.threads.last.handed).toEqual([1])
    bench.store.succeed()
    await pass(bench, 1)
    expect(given(bench.threads.last, 0)).toMatchObject({ offset: '6' })
    expect(bench.store.asked).toHaveLength(1)
    expect(bench.threads.all.flatMap(answers)).toEqual([])
    await stop(bench)
  })

  test('its thread dies, and it is stored before the next one is there: that one begins behind it', async () => {
    const bench = await running()
    giveUp(bench, 5)
    bench.threads.boards = false
    bench.threads.last.crash()
    bench.store.succeed()
    await settle()
    await vi.advanceTimersByTimeAsync(100)
    bench.threads.last.board()
    bench.threads.last.boot()
    await pass(bench, 1)
    expect(given(bench.threads.last, 0)).toMatchObject({ offset: '6' })
    await stop(bench)
  })

  test('threads die while it waits: none of them gets its partition until it is stored', async () => {
    const bench = await running()
    giveUp(bench, 5)
    bench.store.fail(MISSING)
    await settle()
    await crash(bench)
    await crash(bench)
    await pass(bench, 1)
    expect(bench.threads.all.slice(1).flatMap(({ handed }) => handed)).not.toContain(0)
    await passUntilTried(bench)
    bench.store.succeed()
    await pass(bench, 1)
    expect(given(bench.threads.last, 0)).toMatchObject({ offset: '6' })
    await stop(bench)
  })

  /** Hears of a rebalance with its next heartbeat, three seconds after the last one. */
  const rebalanced = async (bench: Bench) => {
    const [seat] = bench.seats
    if (seat === undefined) throw new Error('no seat')
    seat.onJoin = [joinedAs('member-0', 2)]
    seat.onSync = [assignment(1)]
    seat.onHeartbeat = [() => Promise.reject(kafkaError(27, 'REBALANCE_IN_PROGRESS')), async () => {}]
    return seat
  }

  test('a rebalance waits for it, so that the next owner begins behind it', async () => {
    const bench = await running({}, eager)
    const seat = await rebalanced(bench)
    await vi.advanceTimersByTimeAsync(2_900)
    giveUp(bench, 5)
    await vi.advanceTimersByTimeAsync(900)
    expect(seat.joins).toHaveLength(1)
    bench.store.succeed()
    await vi.advanceTimersByTimeAsync(1)
    expect(seat.joins).toHaveLength(2)
    expect(bench.commits.at(-1)).toMatchObject([{ partition: 0, offset: 6n }])
    await stop(bench)
  })

  test('a rebalance waits for that of a message which was in flight when it began', async () => {
    const bench = await running({}, eager)
    const seat = await rebalanced(bench)
    bench.threads.last.silent = true
    await vi.advanceTimersByTimeAsync(3_500)
    giveUp(bench, 5)
    bench.threads.last.answer()
    await vi.advanceTimersByTimeAsync(500)
    expect(seat.joins).toHaveLength(1)
    bench.store.succeed()
    await vi.advanceTimersByTimeAsync(1)
    expect(seat.joins).toHaveLength(2)
    expect(bench.commits.at(-1)).toMatchObject([{ partition: 0, offset: 6n }])
    await stop(bench)
  })

  test('a rebalance waits for none that takes longer than a second, and commits nothing of it', async () => {
    const bench = await running({}, eager)
    const seat = await rebalanced(bench)
    await vi.advanceTimersByTimeAsync(2_900)
    giveUp(bench, 5)
    await vi.advanceTimersByTimeAsync(900)
    expect(seat.joins).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(101)
    expect(seat.joins).toHaveLength(2)
    bench.store.succeed() // another member has the partition
    await settle()
    expect(bench.heard('message:dead-lettered')).toEqual([])
    await bench.slot.commit()
    expect(bench.commits.flat().filter(({ partition }) => partition === 0)).toMatchObject([{ offset: 5n }])
    await stop(bench)
  })

  test('a rebalance does not wait at all for one that had taken so long before, and goes on with it where it keeps the partition', async () => {
    const bench = await running()
    const seat = await rebalanced(bench)
    seat.onSync = [assignment(0, 1)]
    giveUp(bench, 5)
    await vi.advanceTimersByTimeAsync(3_001)
    expect(seat.joins).toHaveLength(2)
    bench.store.succeed()
    await pass(bench, 1)
    expect(partitionOf(bench)).toMatchObject({ finishedUpTo: '6', paused: null })
    expect(bench.store.asked).toHaveLength(1)
    await stop(bench)
  })

  test('its partition goes to somebody else: it counts no more, and is not tried again', async () => {
    const bench = await running({}, eager)
    giveUp(bench, 5)
    const [seat] = bench.seats
    if (seat === undefined) throw new Error('no seat')
    seat.onJoin = [joinedAs('member-0', 2), joinedAs('member-0', 3)]
    seat.onSync = [assignment(1), assignment(0, 1)]
    const rebalance = async () => {
      seat.onHeartbeat = [() => Promise.reject(kafkaError(27, 'REBALANCE_IN_PROGRESS')), async () => {}]
      await vi.advanceTimersByTimeAsync(8_000)
    }
    await rebalance()
    expect(bench.slot.status().assignment.map(({ partition }) => partition)).toEqual([1])
    bench.committed.set(0, 5n)
    await rebalance()
    expect(given(bench.threads.last, 0)).toMatchObject({ offset: '5' })
    bench.store.succeed()
    await settle()
    expect(partitionOf(bench)).toMatchObject({ finishedUpTo: '5' })
    expect(answers(bench.threads.last)).toEqual([])
    expect(bench.heard('message:dead-lettered')).toEqual([])

    giveUp(bench, 5)
    bench.store.fail(MISSING)
    await settle()
    bench.slot.seatHost.lost('thrown out')
    await pass(bench, 120)
    expect(bench.store.writing).toBe(0)
    expect(bench.store.asked).toHaveLength(2)
    await stop(bench)
  })

  test('the slot stops: it is waited for, and what it finishes is committed', async () => {
    const bench = await running()
    giveUp(bench, 5)
    const stopped = stop(bench)
    await vi.advanceTimersByTimeAsync(100)
    bench.store.succeed()
    await stopped
    expect(bench.commits.at(-1)).toMatchObject([{ partition: 0, offset: 6n }])
  })

  test('the slot stops: it is not waited for longer than for handlers, and nothing behind it is committed', async () => {
    const bench = await running()
    giveUp(bench, 5)
    let over = false
    const stopped = stop(bench).then((drained) => {
      over = true
      return drained
    })
    await vi.advanceTimersByTimeAsync(900)
    expect(over).toBe(false)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(over).toBe(true)
    expect(await stopped).toBe(true)
    expect(bench.commits.flat().filter(({ partition }) => partition === 0)).toMatchObject([{ offset: 5n }])
  })
})

test('a dead letter whose write is broken off by a stop is told of as what it is: nothing tries it again', async () => {
  const bench = await running()
  giveUp(bench, 5)
  const stopped = stop(bench)
  await vi.advanceTimersByTimeAsync(2_000)
  await stopped
  bench.store.fail(kafkaError(-1, 'CLOSED'))
  await settle()
  expect(bench.heard('partition:paused')).toEqual([])
  expect(bench.errors).toEqual([])
  expect(bench.warnings.map(({ msg }) => msg)).toContain(
    'the dead letter of orders-0@5 is not stored: its message is handled again at the next start',
  )
})

test('a slot that stops while a dead letter waits to be tried again stops at once', async () => {
  const bench = await running()
  giveUp(bench, 5)
  bench.store.fail(MISSING)
  await settle()
  await bench.slot.stop(monotonicMs() + 25_000, true)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(bench.store.asked).toHaveLength(1)
})

describe('the breaker', () => {
  const storing = async (bench: Bench, offset: number, follows = true) => {
    giveUp(bench, offset, { follows })
    bench.store.succeed()
    await settle()
  }

  test('stops a partition at the message behind so many in a row, until somebody resumes it', async () => {
    const bench = await running({ breaker: 2 })
    await storing(bench, 5)
    await storing(bench, 6)
    giveUp(bench, 7, { follows: true })
    expect(bench.store.writing).toBe(0)
    expect(answers(bench.threads.last)).toEqual(['stored', 'stored', 'standstill'])
    expect(bench.heard('partition:paused')).toMatchObject([
      { reason: 'breaker', offset: '7', attempts: 10, retryInMs: null, error: { code: 'KCP_DEAD_LETTER_BREAKER' } },
    ])
    expect(bench.slot.isHealthy).toBe(false)
    await pass(bench, 3_600)
    expect(bench.threads.last.handed).toEqual([0, 1])
    expect(bench.slot.outlook).toBe('moving') // a restart would only write as many again

    expect(bench.slot.resume({ topic: 'orders', partition: 0 })).toBe(true)
    await pass(bench, 1)
    expect(given(bench.threads.last, 0)).toMatchObject({ offset: '7', exhausted: { offset: '7', attempts: 10 } })
    // Tried once more, it goes the same way, and the row begins anew.
    await storing(bench, 7, false)
    await storing(bench, 8)
    await pass(bench, 1)
    expect(bench.heard('partition:resumed')).toHaveLength(1)
    giveUp(bench, 9, { follows: true })
    expect(bench.heard('partition:paused')).toHaveLength(2)
    await stop(bench)
  })

  test('holds, and can be resumed, whatever its thread says before it hears of it', async () => {
    const bench = await running({ breaker: 1 })
    await storing(bench, 5)
    giveUp(bench, 6, { follows: true })
    const partitionId = given(bench.threads.last, 0)?.id ?? -1
    const error = { name: 'Error', message: 'no batch' }
    bench.threads.last.say({ type: 'partition-paused', partitionId, offset: '50', error })
    await pass(bench, 60)
    expect(partitionOf(bench).paused).toMatchObject({ reason: 'breaker', offset: '6' })
    expect(bench.threads.last.handed).toEqual([0, 1])
    bench.slot.resume({ topic: 'orders', partition: 0 })
    await pass(bench, 1)
    expect(given(bench.threads.last, 0)).toMatchObject({ offset: '6' })
    await stop(bench)
  })

  test('gives the partition back when what it stood at is gone before its thread hears of it', async () => {
    const bench = await running({ breaker: 1 })
    await storing(bench, 5)
    giveUp(bench, 6, { follows: true })
    const place = given(bench.threads.last, 0)
    place?.page.finish(place.index, 3)
    const reset = { type: 'offset-reset', from: '7', to: '3', reason: 'truncated' } as const
    bench.threads.last.say({ ...reset, partitionId: place?.id ?? -1 })
    await pass(bench, 2)
    expect(partitionOf(bench).paused).toBe(null)
    expect(given(bench.threads.last, 0)).toMatchObject({ offset: '3' })
    await stop(bench)
  })

  test('lets it go on by itself when that was asked for', async () => {
    const bench = await running({ breaker: 1, resumeAfterMs: 30_000 })
    await storing(bench, 5)
    giveUp(bench, 6, { follows: true })
    await pass(bench, 29)
    expect(bench.threads.last.handed).toEqual([0, 1])
    await pass(bench, 2)
    expect(given(bench.threads.last, 0)).toMatchObject({ offset: '6' })
    await stop(bench)
  })

  test('counts on over the death of a thread, and anew after a message that was finished', async () => {
    const bench = await running({ breaker: 2 })
    await storing(bench, 5)
    await crash(bench)
    await storing(bench, 6, false)
    await storing(bench, 8, false) // 7 was finished
    await storing(bench, 9)
    expect(bench.heard('partition:paused')).toEqual([])
    giveUp(bench, 10, { follows: true })
    expect(bench.heard('partition:paused')).toHaveLength(1)
    await stop(bench)
  })

  test('stops one partition alone', async () => {
    const bench = await running({ breaker: 1 })
    await storing(bench, 5)
    giveUp(bench, 5, { partition: 1 })
    expect(bench.store.writing).toBe(1)
    bench.store.succeed()
    await stop(bench)
  })
})
