import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encodeSubscription } from '#src/control/membership/assignors/subscription.js'
import { Group } from '#src/control/membership/group.js'
import type { JoinResult } from '#src/kafka/group.js'
import { deferred } from '#src/util/deferred.js'
import { eager, slotConfig } from '../../../support/config/slot-config.js'
import { kafkaError } from '../../../support/control/fake-client.js'
import { seatBench, untilClosed } from '../../../support/control/seat-bench.js'
import { joinedAs } from '../../../support/control/slot-bench.js'
import { collectLines } from '../../../support/log-lines.js'

const INVALID_SESSION_TIMEOUT = 26
const MEMBER_ID_REQUIRED = 79
const REBALANCE_IN_PROGRESS = 27
const NOT_COORDINATOR = 16

const settle = () => vi.advanceTimersByTimeAsync(0)

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** Whether the seat has left within `ms`. */
const leavesWithin = async ({ seat }: ReturnType<typeof seatBench>, ms: number): Promise<boolean> => {
  let left = false
  void seat.leave(true).then(() => {
    left = true
  })
  await vi.advanceTimersByTimeAsync(ms)
  return left
}

test.each([
  ['whose pool goes on', true, ['could not leave the group; nobody has its partitions before its session is over']],
  ['whose pool stops', false, []],
])('that the coordinator does not hear that a seat leaves is a warning for one %s', async (_, siblingsStay, warnings) => {
  const { logger, lines } = collectLines()
  const { seat, own, poolClient } = seatBench({ log: logger })
  for (const client of [own, poolClient]) client.leaveGroup = () => Promise.reject(new Error('not today'))
  seat.start()
  await settle()
  void seat.leave(true, siblingsStay)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(seat.state).toBe('left')
  expect(lines.filter(({ level }) => level >= 40).map(({ msg }) => msg)).toEqual(warnings)
})

describe('a seat leaves within a second', () => {
  test('while it asks the broker why it was refused', async () => {
    const bench = seatBench()
    bench.own.onJoin = [() => Promise.reject(kafkaError(INVALID_SESSION_TIMEOUT))]
    bench.own.brokerConfig = () => untilClosed(bench.own)
    bench.seat.start()
    await settle()
    expect(await leavesWithin(bench, 1_000)).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('while it waits for its siblings to get their member ids', async () => {
    const bench = seatBench({ group: new Group('group', 2) })
    bench.own.onJoin = [() => Promise.reject(kafkaError(MEMBER_ID_REQUIRED, 'MEMBER_ID_REQUIRED', 'given'))]
    bench.seat.start()
    await settle()
    expect(await leavesWithin(bench, 1_000)).toBe(true)
  })

  test('while it looks up the topics for which it has to assign', async () => {
    const bench = seatBench({ topics: () => new Promise(() => {}) })
    const metadata = encodeSubscription({ topics: ['orders'] })
    bench.own.onJoin = [
      async () => ({
        ...(await joinedAs('member', 1)()),
        leaderId: 'member',
        members: [{ memberId: 'member', instanceId: null, metadata }],
      }),
    ]
    bench.seat.start()
    await settle()
    expect(await leavesWithin(bench, 1_000)).toBe(true)
  })

  test('while a handler holds a rebalance up', async () => {
    const bench = seatBench({ config: slotConfig(eager) })
    bench.seat.start()
    await settle()
    bench.host.releasing = new Promise(() => {})
    bench.own.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS))]
    await vi.advanceTimersByTimeAsync(3_001)
    expect(bench.host.told).toContain('release')
    expect(await leavesWithin(bench, 1_000)).toBe(true)
  })

  test('while its JoinGroup waits for the others', async () => {
    const bench = seatBench()
    bench.own.onJoin = [() => untilClosed(bench.own)]
    bench.seat.start()
    await settle()
    expect(await leavesWithin(bench, 1_000)).toBe(true)
  })
})

test('a seat tells the new coordinator that it leaves when the old one has moved', async () => {
  const bench = seatBench()
  bench.seat.start()
  await settle()
  const asked: string[] = []
  bench.poolClient.leaveGroup = async (_node, { memberId }) => {
    asked.push(memberId)
    if (asked.length === 1) throw kafkaError(NOT_COORDINATOR)
  }
  expect(await leavesWithin(bench, 1_000)).toBe(true)
  expect(asked).toEqual(['member', 'member'])
})

describe('a seat that leaves when it has just asked to join', () => {
  test('removes the member that it is being made', async () => {
    const bench = seatBench({ group: new Group('group', 2) })
    const given = deferred<JoinResult>()
    bench.own.onJoin = [() => given.promise]
    bench.seat.start()
    await settle()
    const left = leavesWithin(bench, 1_000)
    given.reject(kafkaError(MEMBER_ID_REQUIRED, 'MEMBER_ID_REQUIRED', 'given'))
    expect(await left).toBe(true)
    expect(bench.poolClient.leaves.map(({ memberId }) => memberId)).toEqual(['given'])
  })

  test('as a static member is removed by its instance id when it hears no answer', async () => {
    const config = slotConfig({ consumer: { groupInstanceId: 'me' } })
    const bench = seatBench({ config })
    bench.own.onJoin = [() => untilClosed(bench.own)]
    bench.seat.start()
    await settle()
    expect(await leavesWithin(bench, 1_000)).toBe(true)
    expect(bench.poolClient.leaves).toMatchObject([{ memberId: '', instanceId: 'me' }])
  })
})

describe('a stable seat whose pool has a client that went silent', () => {
  const silent = async () => {
    const bench = seatBench()
    bench.seat.start()
    await settle()
    bench.poolClient.leaveGroup = () => new Promise(() => {})
    return bench
  }

  test('tells the coordinator over its own client, which it closes after that', async () => {
    const bench = await silent()
    const answer = deferred<void>()
    const told: string[] = []
    bench.own.leaveGroup = (_node, { memberId }) => {
      told.push(memberId)
      return answer.promise
    }
    expect(await leavesWithin(bench, 100)).toBe(false)
    expect([told, bench.own.closed]).toEqual([['member'], false])
    answer.resolve()
    await settle()
    expect([bench.own.closed, bench.seat.state]).toEqual([true, 'left'])
  })

  test('leaves within a second when its own has gone silent, too', async () => {
    const bench = await silent()
    bench.own.leaveGroup = () => new Promise(() => {})
    expect(await leavesWithin(bench, 1_000)).toBe(true)
    expect(bench.own.closed).toBe(true)
  })
})

test('a seat whose JoinGroup waits on its own client leaves over that of the pool alone', async () => {
  const bench = seatBench()
  bench.seat.start()
  await settle()
  bench.own.onJoin = [() => untilClosed(bench.own)]
  bench.own.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS))]
  await vi.advanceTimersByTimeAsync(3_001)
  expect(await leavesWithin(bench, 1_000)).toBe(true)
  expect([bench.own.leaves, bench.poolClient.leaves.length]).toEqual([[], 1])
})
