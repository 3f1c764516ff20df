import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { decodeSubscription } from '#src/control/membership/assignors/subscription.js'
import { Control } from '#src/protocol/ledger.js'
import { Page } from '#src/protocol/page.js'
import { monotonicMs } from '#src/util/clock.js'
import { deferred } from '#src/util/deferred.js'
import { slotConfig } from '../../support/config/slot-config.js'
import { kafkaError } from '../../support/control/fake-client.js'
import { assignment, joinedAs, slotBench } from '../../support/control/slot-bench.js'

const REBALANCE_IN_PROGRESS = 27
const UNKNOWN_MEMBER_ID = 25

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const settle = () => vi.advanceTimersByTimeAsync(0)

/** A slot with partitions 0 and 1 of a cooperative group, which loses 0 and gets 2 at its next heartbeat. */
const running = async (more: Pick<NonNullable<Parameters<typeof slotBench>[0]>, 'topics'> = {}) => {
  const bench = slotBench({ config: slotConfig({ assignors: ['cooperative-sticky'] }), ...more })
  const booted = bench.slot.boot()
  bench.threads.last.boot()
  await booted
  const joined = bench.slot.join()
  await settle()
  await joined
  const [seat] = bench.seats
  if (seat === undefined) throw new Error('no seat')
  seat.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), async () => {}]
  seat.onJoin = [joinedAs('member-0', 2), joinedAs('member-0', 3)]
  seat.onSync = [assignment(1), assignment(1, 2)]
  const thread = bench.threads.last
  const [handout] = thread.requests.filter((request) => request.type === 'assign' && request.added.length > 0)
  if (handout?.type !== 'assign') throw new Error('nothing was handed out')
  const page = Page.from(handout.page)
  const [id0, id1] = handout.added.map(({ id }) => id)
  if (id0 === undefined || id1 === undefined) throw new Error('too little was handed out')
  const members: number[] = []
  const { commitOffsets } = bench.poolClient
  bench.poolClient.commitOffsets = (node, member, ...more) => {
    members.push(member.generation)
    return commitOffsets(node, member, ...more)
  }
  return { ...bench, thread, page, id0, id1, members, from: thread.requests.length }
}

describe('a slot in a cooperative group', () => {
  test('tells its thread what it gained and lost, and nothing else', async () => {
    const { thread, id0, from, slot } = await running()
    await vi.advanceTimersByTimeAsync(3_001)
    expect(thread.requests.slice(from)).toMatchObject([
      { type: 'revoke', partitionIds: [id0] },
      { type: 'assign', added: [], removed: [id0] },
      { type: 'assign', added: [{ partition: 2 }], removed: [] },
    ])
    expect(thread.sent).toEqual([])
    expect(slot.status().assignment.map(({ partition }) => partition)).toEqual([1, 2])
  })

  test('pauses nobody', async () => {
    const { thread } = await running()
    const raised = vi.spyOn(thread.ledger, 'raise')
    await vi.advanceTimersByTimeAsync(3_001)
    expect(raised.mock.calls.flat().filter((bits) => (bits & Control.rebalance) !== 0)).toEqual([])
  })

  test('commits what comes to its end in a partition that it loses, in the new generation, and waits for no other', async () => {
    const { thread, page, id0, id1, commits, members, slot } = await running()
    thread.ledger.begin(0, id0, 0, 1, monotonicMs())
    thread.silent = true
    await vi.advanceTimersByTimeAsync(3_500)
    expect(slot.status().assignment.map(({ partition }) => partition)).toEqual([0, 1])
    page.finish(0, 1)
    thread.ledger.begin(0, id1, 0, 1, monotonicMs())
    thread.answer()
    await settle()
    expect(commits.at(-1)).toContainEqual(expect.objectContaining({ partition: 0, offset: 1n }))
    expect(members.at(-1)).toBe(2)
    await settle()
    expect(slot.status().assignment.map(({ partition }) => partition)).toEqual([1, 2])
    expect(slot.status().inFlight).toBe(1)
  })

  test('does not wait for a handler in flight for ever: its result does not count then', async () => {
    const { thread, page, id0, slot } = await running()
    thread.ledger.begin(0, id0, 0, 1, monotonicMs())
    thread.silent = true
    await vi.advanceTimersByTimeAsync(3_001 + 3_001)
    thread.answer()
    await settle()
    expect(page.isRevoked(0)).toBe(true)
    expect(page.isRevoked(1)).toBe(false)
    expect(slot.status()).toMatchObject({ assignment: [{ partition: 1 }, { partition: 2 }], dropped: 1 })
  })

  test('commits what it loses only when the listeners of group:revoking are done, and nothing begins there meanwhile', async () => {
    const { thread, page, id0, commits, on, heard, slot } = await running()
    const flushed = deferred<void>()
    on('group:revoking', () => {
      expect(thread.requests.at(-1)).toMatchObject({ type: 'revoke', partitionIds: [id0] })
      return flushed.promise
    })
    await vi.advanceTimersByTimeAsync(3_001)
    page.finish(0, 1)
    const before = commits.length
    expect(heard('group:revoking')).toMatchObject([{ generation: 2, partitions: [{ topic: 'orders', partition: 0 }] }])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(commits.length).toBe(before)
    flushed.resolve()
    await settle()
    expect(commits.at(-1)).toContainEqual(expect.objectContaining({ partition: 0, offset: 1n }))
    await settle()
    expect(slot.status().assignment.map(({ partition }) => partition)).toEqual([1, 2])
  })

  test('hands what it gives up to no thread any more, if its own dies meanwhile', async () => {
    const { on, thread, threads, slot } = await running()
    on('group:revoking', () => new Promise(() => {}))
    await vi.advanceTimersByTimeAsync(3_001)
    thread.crash()
    await vi.advanceTimersByTimeAsync(500)
    expect(threads.last).not.toBe(thread)
    threads.last.boot()
    await vi.advanceTimersByTimeAsync(100)
    slot.watch(monotonicMs())
    expect(slot.status().assignment.map(({ partition }) => partition)).toEqual([0, 1])
    expect(threads.last.handed).toEqual([1])
    await vi.advanceTimersByTimeAsync(3_000)
    expect(threads.last.handed).toEqual([1, 2])
  })

  test('does not try again what stands still where it gives that up', async () => {
    const { on, thread, id0, slot } = await running()
    const failed = { type: 'failed', partitionId: id0, offset: '0', attempt: 3, outcome: 'paused' } as const
    thread.say({ ...failed, error: { name: 'Error', message: 'no' }, retryInMs: null })
    on('group:revoking', () => new Promise(() => {}))
    await vi.advanceTimersByTimeAsync(3_001)
    slot.resume({ topic: 'orders', partition: 0 })
    slot.watch(monotonicMs())
    expect(thread.handed).toEqual([0, 1])
    await vi.advanceTimersByTimeAsync(3_000)
    expect(thread.handed).toEqual([0, 1, 2])
  })

  test('tells a thread that has no handler yet what it must not begin, and does not wait for that', async () => {
    const { on, thread, threads, slot } = await running()
    thread.crash()
    await vi.advanceTimersByTimeAsync(500)
    threads.last.silent = true // its handler is being imported
    expect(threads.last.handed).toEqual([0, 1])
    const revoking = deferred<void>()
    on('group:revoking', () => revoking.promise)
    await vi.advanceTimersByTimeAsync(2_550)
    expect(threads.last.requests.at(-1)).toMatchObject({ type: 'revoke', partitionIds: [0] })
    revoking.resolve()
    await settle()
    expect(slot.status().assignment.map(({ partition }) => partition)).not.toContain(0)
  })

  test('takes anew what it gave up before it joined, since that was gone, if the group gives it back', async () => {
    const topics = async (names: readonly string[]) =>
      names.map((topic) => ({ topic, error: 'UNKNOWN_TOPIC_OR_PARTITION', partitions: [] }))
    const { seats, thread, slot, from, heard } = await running({ topics })
    const [seat] = seats
    if (seat === undefined) throw new Error('no seat')
    seat.onJoin = [joinedAs('member-0', 2)]
    seat.onSync = [assignment(0, 1)]
    await vi.advanceTimersByTimeAsync(3_001 + 500)
    expect(decodeSubscription(seat.joins.at(-1)?.protocols[0]?.metadata ?? Buffer.alloc(0)).owned).toEqual([])
    expect(thread.requests.slice(from)).toMatchObject([
      { type: 'revoke', partitionIds: [0, 1] },
      { type: 'assign', added: [], removed: [0, 1] },
      { type: 'assign', added: [{ partition: 0 }, { partition: 1 }], removed: [] },
    ])
    expect(slot.status().assignment.map(({ partition }) => partition)).toEqual([0, 1])
    expect(heard('group:assigned')).toHaveLength(2)
  })

  test('waits for a listener that does not come back no longer than for handlers', async () => {
    const { on, warnings, slot } = await running()
    on('group:revoking', () => new Promise(() => {}))
    await vi.advanceTimersByTimeAsync(3_001 + 2_900)
    expect(slot.status().assignment.map(({ partition }) => partition)).toEqual([0, 1])
    await vi.advanceTimersByTimeAsync(200)
    expect(slot.status().assignment.map(({ partition }) => partition)).toEqual([1, 2])
    expect(warnings.map(({ msg }) => msg)).toContainEqual(expect.stringContaining('group:revoking'))
  })

  test('says what it has lost with its membership, and commits nothing of that', async () => {
    const { heard, told, seats, commits, page } = await running()
    const [seat] = seats
    if (seat === undefined) throw new Error('no seat')
    seat.onHeartbeat = [() => Promise.reject(kafkaError(UNKNOWN_MEMBER_ID))]
    page.finish(0, 1)
    const before = commits.length
    await vi.advanceTimersByTimeAsync(3_001)
    const partitions = [0, 1].map((partition) => ({ topic: 'orders', partition }))
    expect(heard('group:lost')).toMatchObject([{ memberId: 'member-0', generation: 1, partitions }])
    expect(told()).not.toContain('group:revoking')
    expect(commits.length).toBe(before)
  })

  test('says what it has lost when the group has gone on without it, although it is a member still', async () => {
    const { seats, heard, commits, page } = await running()
    const [seat] = seats
    if (seat === undefined) throw new Error('no seat')
    seat.onJoin = [joinedAs('member-0', 2), joinedAs('member-0', 4)]
    seat.onSync = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), assignment(0, 1)]
    page.finish(0, 1)
    const before = commits.length
    await vi.advanceTimersByTimeAsync(3_001)
    const partitions = [0, 1].map((partition) => ({ topic: 'orders', partition }))
    expect(heard('group:lost')).toMatchObject([{ partitions, reason: expect.stringContaining('without') }])
    expect(heard('group:assigned').at(-1)).toMatchObject({ added: partitions, removed: [] })
    expect(commits.length).toBe(before)
  })

  test('says what it has lost in one generation with the next one, if that comes before what was added is found', async () => {
    const { seats, heard, poolClient } = await running()
    const [seat] = seats
    if (seat === undefined) throw new Error('no seat')
    seat.onSync = [assignment(1, 2), assignment(1, 2)]
    const { committedOffsets } = poolClient
    poolClient.committedOffsets = () => {
      poolClient.committedOffsets = committedOffsets
      return new Promise(() => {})
    }
    await vi.advanceTimersByTimeAsync(3_001)
    expect(heard('group:assigned').slice(1)).toMatchObject([
      { generation: 3, added: [{ partition: 2 }], removed: [{ partition: 0 }] },
    ])
  })

  test('that stops hands on what nothing is in flight of, with its offsets, and keeps the rest until the handler is back', async () => {
    const bench = await running()
    const { slot, thread, page, id1, commits, seats, warnings } = bench
    const [seat] = seats
    if (seat === undefined) throw new Error('no seat')
    seat.onHeartbeat = [async () => {}]
    seat.onJoin = [joinedAs('member-0', 2)]
    seat.onSync = [assignment(1)]
    thread.ledger.begin(0, id1, 0, 1, monotonicMs())
    thread.silent = true
    page.finish(0, 7)
    const stopped = slot.stop(monotonicMs() + 25_000, true)
    await vi.advanceTimersByTimeAsync(80)
    expect(seat.joins.length).toBe(1)
    await vi.advanceTimersByTimeAsync(100)
    expect(decodeSubscription(seat.joins.at(-1)?.protocols[0]?.metadata ?? Buffer.alloc(0)).owned).toEqual([
      { topic: 'orders', partition: 1 },
    ])
    expect(commits.at(-1)).toContainEqual(expect.objectContaining({ partition: 0, offset: 7n }))
    expect(slot.status().assignment.map(({ partition }) => partition)).toEqual([1])
    page.finish(1, 1)
    thread.ledger.end(0)
    thread.answer()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(commits.at(-1)).toContainEqual(expect.objectContaining({ partition: 1, offset: 1n }))
    expect(seat.leaves).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(5_000)
    await stopped
    expect(warnings).toEqual([])
  })
})
