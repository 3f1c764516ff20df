import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { encodeAssignment, encodeSubscription } from '#src/control/membership/assignors/subscription.js'
import { Group } from '#src/control/membership/group.js'
import type { PartitionCounts } from '#src/control/membership/group-leader.js'
import type { Seat } from '#src/control/membership/seat.js'
import { TopicWatch } from '#src/control/membership/topic-watch.js'
import type { GroupDescription } from '#src/kafka/group.js'
import type { TopicMetadata } from '#src/kafka/metadata.js'
import { seatBench } from '../../../support/control/seat-bench.js'
import { joinedAs } from '../../../support/control/slot-bench.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const INTERVAL_MS = 300_000

const there = (topic: string, partitions: number): TopicMetadata => ({
  topic,
  error: null,
  partitions: Array.from({ length: partitions }, (_, partition) => ({ partition, leader: 1 })),
})

const failing = (topic: string, error: string): TopicMetadata => ({ topic, error, partitions: [] })

/** What the coordinator says of a group in which one member owns so many partitions of `orders`. */
const owning = (partitions: number, state = 'Stable'): GroupDescription => {
  const owned = Array.from({ length: partitions }, (_, partition) => ({ topic: 'orders', partition }))
  const names = { memberId: 'theirs', instanceId: null, clientId: 'theirs', host: '/127.0.0.1' }
  const member = { ...names, metadata: encodeSubscription({ topics: ['orders'] }), assignment: encodeAssignment(owned) }
  return { state, members: state === 'Stable' ? [member] : [] }
}

/** A cluster with these topics, and a pool with one group that subscribes to `orders`. */
const world = (...topics: readonly TopicMetadata[]) => {
  const cluster = new Map<string, TopicMetadata>()
  const say = (...more: readonly TopicMetadata[]) => {
    for (const topic of more) cluster.set(topic.topic, topic)
  }
  say(...topics)
  const group = new Group('group', 1)
  const coordinator = { asked: 0, says: async () => owning(2) }
  const watch = new TopicWatch({
    groups: [{ group, topics: new Set(['orders']) }],
    metadata: async (names) => names.map((name) => cluster.get(name) ?? failing(name, 'UNKNOWN_TOPIC_OR_PARTITION')),
    describe: () => {
      coordinator.asked++
      return coordinator.says()
    },
    intervalMs: INTERVAL_MS,
    heartbeatMs: 500,
    log: pino({ level: 'silent' }),
  })
  onTestFinished(() => watch.close())
  watch.begin(topics)
  return { group, watch, say, coordinator }
}

/** A seat that does not lead. */
const following = (group: Group) => {
  const rejoin = vi.fn()
  group.add({ isLeader: false, assignedFrom: null, state: 'stable', rejoin } as unknown as Seat)
  return rejoin
}

const leading = (group: Group, counts: Readonly<Record<string, number>>) => {
  const rejoin = vi.fn()
  const assignedFrom: PartitionCounts = new Map(Object.entries(counts))
  const seat = { isLeader: true, assignedFrom, state: 'stable', rejoin }
  group.add(seat as unknown as Seat)
  return Object.assign(seat, { rejoin })
}

const oneLook = () => vi.advanceTimersByTimeAsync(INTERVAL_MS + 1_000)

describe('a pool that leads its group', () => {
  test.each([
    ['a topic has grown', { orders: 1 }, 'orders'],
    ['a topic that nobody here subscribes to has grown', { orders: 2, theirs: 1 }, 'theirs'],
    ['a topic was in error when the group was assigned', { orders: 0 }, 'orders'],
    ['a topic is gone', { orders: 2, gone: 3 }, 'gone'],
  ])('makes it rebalance when %s', async (_, counts, topic) => {
    const { group } = world(there('orders', 2), there('theirs', 2))
    const { rejoin } = leading(group, counts)
    await oneLook()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(rejoin.mock.calls[0]?.[0]).toContain(`"${topic}" has`)
  })

  test('leaves it alone while nothing has changed, or an error says nothing', async () => {
    const { group, say } = world(there('orders', 2))
    const { rejoin } = leading(group, { orders: 2 })
    await oneLook()
    say(failing('orders', 'LEADER_NOT_AVAILABLE'))
    await oneLook()
    expect(rejoin).not.toHaveBeenCalled()
  })

  test('looks again soon when the leader was in a rebalance', async () => {
    const { group } = world(there('orders', 2))
    const leader = leading(group, { orders: 1 })
    leader.state = 'rebalancing'
    await oneLook()
    leader.state = 'stable'
    await vi.advanceTimersByTimeAsync(10_000)
    expect(leader.rejoin).toHaveBeenCalled()
  })
})

test('a leader that meets a metadata error while it assigns has the group rebalance soon after the error is over', async () => {
  const { group, watch, say } = world(there('orders', 2))
  const metadata = encodeSubscription({ topics: ['orders'] })
  const joined = joinedAs('me', 1, { leaderId: 'me', members: [{ memberId: 'me', instanceId: null, metadata }] })
  const { seat, own } = seatBench({ group, topics: (names) => watch.metadata(names) })
  own.onJoin = [joined]
  say(failing('orders', 'UNKNOWN_TOPIC_OR_PARTITION'))
  await seat.start()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(own.joins).toHaveLength(1)
  say(there('orders', 2))
  await vi.advanceTimersByTimeAsync(20_000)
  expect(own.joins).toHaveLength(2)
  await oneLook()
  expect(own.joins).toHaveLength(2)
})

test('a partition is new when it was not there at the start, or its topic was gone meanwhile', async () => {
  const { group, say } = world(there('orders', 2))
  const isNew = (...partitions: number[]) =>
    partitions.map((partition) => group.known.isNew({ topic: 'orders', partition }))
  say(there('orders', 3))
  await oneLook()
  expect(isNew(0, 1, 2)).toEqual([false, false, true])
  say(failing('orders', 'UNKNOWN_TOPIC_OR_PARTITION'))
  await oneLook()
  expect(isNew(0, 1, 2)).toEqual([true, true, true])
})

test('a partition stays new to a group when another one begins to consume its topic, to which it is not', async () => {
  const { group, watch } = world(there('orders', 2))
  const other = new Group('other', 1)
  watch.add(other, [there('orders', 3)])
  expect([group, other].map(({ known }) => known.isNew({ topic: 'orders', partition: 2 }))).toEqual([true, false])
})

test('what a broker does not know at first is not new when it does', () => {
  const { group, watch } = world(failing('orders', 'UNKNOWN_TOPIC_OR_PARTITION'))
  watch.begin([there('orders', 2)])
  expect([1, 2].map((partition) => group.known.isNew({ topic: 'orders', partition }))).toEqual([false, true])
})

test('a topic that was made again with fewer partitions, unseen, has new ones when it grows', async () => {
  const { group, say } = world(there('orders', 3))
  say(there('orders', 2))
  await oneLook()
  say(there('orders', 3))
  await oneLook()
  expect([1, 2].map((partition) => group.known.isNew({ topic: 'orders', partition }))).toEqual([false, true])
})

test('a pool notices that a topic has grown that another of its groups has found like that', async () => {
  const { group, watch, say } = world(there('orders', 2))
  const rejoin = following(group)
  say(there('orders', 3))
  watch.add(new Group('other', 1), [there('orders', 3)])
  await oneLook()
  await vi.advanceTimersByTimeAsync(2_001)
  expect(rejoin).toHaveBeenCalled()
})

test('a topic that is consumed no more, and chosen again later, is as old as it was then', () => {
  const { group, watch } = world(there('orders', 2))
  group.known.keep(new Set())
  watch.add(group, [there('orders', 3)])
  expect(group.known.isNew({ topic: 'orders', partition: 2 })).toBe(false)
})

test('a pool that does not know that it leads leaves it at that when the leader was quick', async () => {
  const { group, say } = world(there('orders', 2))
  const rejoin = following(group)
  say(there('orders', 3))
  await oneLook()
  group.noteGeneration(9)
  await oneLook()
  expect(rejoin).not.toHaveBeenCalled()
})

test('a pool that does not know that it leads forces a rebalance when the leader has not noticed', async () => {
  const { group, say } = world(there('orders', 2))
  const rejoin = following(group)
  say(there('orders', 3))
  await oneLook()
  expect(rejoin).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(4 * 500)
  expect(rejoin).toHaveBeenCalledTimes(1)
})

test('a pool that looks long after the leader leaves a group alone in which everything has an owner', async () => {
  const { group, say, coordinator } = world(there('orders', 2))
  const rejoin = following(group)
  group.noteGeneration(9)
  coordinator.says = async () => owning(3)
  say(there('orders', 3))
  await oneLook()
  await vi.advanceTimersByTimeAsync(60_000)
  expect([coordinator.asked, rejoin.mock.calls.length]).toEqual([1, 0])
})

test('a pool asks again when the group is in a rebalance, which may be about something else', async () => {
  const { group, say, coordinator } = world(there('orders', 2))
  const rejoin = following(group)
  coordinator.says = async () => owning(0, 'PreparingRebalance')
  say(there('orders', 3))
  await oneLook()
  await vi.advanceTimersByTimeAsync(4 * 500)
  expect([coordinator.asked, rejoin.mock.calls.length]).toEqual([1, 0])
  coordinator.says = async () => owning(2)
  await vi.advanceTimersByTimeAsync(4 * 500)
  expect([coordinator.asked, rejoin.mock.calls.length]).toEqual([2, 1])
})

test.each<[string, () => Promise<GroupDescription>]>([
  ['the coordinator cannot be asked', () => Promise.reject(new Error('too old'))],
  [
    'another member was assigned what nobody here can read',
    async () => {
      const [member] = owning(3).members
      return { state: 'Stable', members: member === undefined ? [] : [{ ...member, assignment: Buffer.from([9]) }] }
    },
  ],
])('a pool that cannot see who owns what forces a rebalance: %s', async (_, says) => {
  const { group, say, coordinator } = world(there('orders', 2))
  const rejoin = following(group)
  coordinator.says = says
  say(there('orders', 3))
  await oneLook()
  await vi.advanceTimersByTimeAsync(4 * 500)
  expect(rejoin).toHaveBeenCalledTimes(1)
})

test('a topic that was deleted and created again with as many partitions is assigned anew', async () => {
  const { group, say } = world(there('orders', 1))
  const rejoin = following(group)
  say(failing('orders', 'UNKNOWN_TOPIC_OR_PARTITION'))
  await oneLook()
  say(there('orders', 1))
  await oneLook()
  expect(rejoin).toHaveBeenCalledTimes(1)
})
