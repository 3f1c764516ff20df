import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { isDrainingIn } from '#src/control/membership/assignors/sticky-user-data.js'
import { decodeSubscription } from '#src/control/membership/assignors/subscription.js'
import { Group } from '#src/control/membership/group.js'
import type { AskTopics } from '#src/control/membership/steady-topics.js'
import { PoolError } from '#src/errors.js'
import { deferred } from '#src/util/deferred.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import { type FakeClient, kafkaError } from '../../../support/control/fake-client.js'
import { seatBench } from '../../../support/control/seat-bench.js'
import { assignment, joinedAs } from '../../../support/control/slot-bench.js'
import { collectLines } from '../../../support/log-lines.js'

const REBALANCE_IN_PROGRESS = 27
const UNKNOWN_MEMBER_ID = 25

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const settle = () => vi.advanceTimersByTimeAsync(0)
const rebalances = () => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS))
const config = (...assignors: readonly ('cooperative-sticky' | 'range')[]) => slotConfig({ assignors })

/** What the seat said of itself in its last JoinGroup. */
const said = ({ joins }: FakeClient, protocol = 0) =>
  decodeSubscription(joins.at(-1)?.protocols[protocol]?.metadata ?? Buffer.alloc(0))
const claimed = (client: FakeClient) => {
  const { owned, generation } = said(client)
  return { owned: owned.map(({ partition }) => partition), generation }
}

/** A member in generation 1 with partitions 0 and 1, which hears of a rebalance at its next heartbeat. */
const member = async (...assignors: readonly ('cooperative-sticky' | 'range')[]) => {
  const bench = seatBench({ config: config(...(assignors.length === 0 ? ['cooperative-sticky' as const] : assignors)) })
  bench.seat.start()
  await settle()
  bench.own.onHeartbeat = [rebalances, async () => {}]
  bench.own.onJoin = [joinedAs('member', 2)]
  bench.host.told.length = 0
  bench.host.follows.length = 0
  return bench
}

describe('a cooperative seat', () => {
  test('stops nothing for a rebalance, and says what it owns and since when', async () => {
    const { own, host, seat } = await member()
    await vi.advanceTimersByTimeAsync(3_001)
    expect(claimed(own)).toEqual({ owned: [0, 1], generation: 1 })
    expect(host.told).toEqual(['assigned 2'])
    expect(host.follows.at(-1)).toBe(true)
    expect(seat.state).toBe('stable')
  })

  test('owns nothing at first', async () => {
    const { seat, own } = seatBench({ config: config('cooperative-sticky') })
    seat.start()
    await settle()
    expect(claimed(own)).toEqual({ owned: [], generation: -1 })
    expect(said(own).userData).toEqual(Buffer.from('ffffffff', 'hex'))
  })

  test('gives up what it loses in the new generation, then goes on with the rest, and joins again at once', async () => {
    const { own, host, seat } = await member()
    const given = deferred<void>()
    host.releasing = given.promise
    own.onSync = [assignment(1)]
    await vi.advanceTimersByTimeAsync(3_001)
    expect(host.told).toEqual(['revoke 0'])
    expect(seat.membership.generation).toBe(2)
    own.onJoin = [joinedAs('member', 3)]
    own.onSync = [assignment(1, 2)]
    given.resolve()
    await settle()
    expect(host.told).toEqual(['revoke 0', 'assigned 2', 'assigned 3'])
    expect(claimed(own)).toEqual({ owned: [1], generation: 2 })
    expect(host.assignment?.map(({ partition }) => partition)).toEqual([1, 2])
    const joins = own.joins.length
    await vi.advanceTimersByTimeAsync(10_000)
    expect(own.joins.length).toBe(joins)
  })

  test('tells its siblings of each of its two rounds', async () => {
    const { own, group } = await member()
    const pokes = vi.spyOn(group, 'pokeSiblings')
    own.onSync = [assignment(1)]
    await vi.advanceTimersByTimeAsync(3_001)
    expect(pokes).toHaveBeenCalledTimes(2)
  })

  test('keeps what it owns when its SyncGroup comes to nothing, and says again when it got that', async () => {
    const { own, host } = await member()
    own.onJoin = [joinedAs('member', 2), joinedAs('member', 3)]
    own.onSync = [rebalances, assignment(0)]
    await vi.advanceTimersByTimeAsync(3_001)
    expect(claimed(own)).toEqual({ owned: [0], generation: 3 })
    const [, , again] = own.joins
    expect(decodeSubscription(again?.protocols[0]?.metadata ?? Buffer.alloc(0)).generation).toBe(1)
    expect(host.told.slice(0, 2)).toEqual(['revoke 1', 'assigned 3'])
    expect(host.follows.at(-1)).toBe(true)
  })

  test('keeps nothing over a generation for which it did not join, and commits nothing of that', async () => {
    const { own, host } = await member()
    own.onJoin = [joinedAs('member', 2), joinedAs('member', 4), joinedAs('member', 5)]
    own.onSync = [rebalances, rebalances, assignment(0)]
    await vi.advanceTimersByTimeAsync(3_001)
    expect(host.told.slice(0, 1)).toEqual(['assigned 5'])
    expect(host.follows).toEqual([false, true])
  })

  describe('that has come and got nothing', () => {
    const newcomer = async (sync: () => Promise<Buffer>) => {
      const bench = seatBench({ config: config('cooperative-sticky') })
      bench.own.onSync = [sync]
      bench.seat.start()
      await settle()
      const beatsIn = async (ms: number) => {
        const before = bench.own.heartbeats.length
        await vi.advanceTimersByTimeAsync(ms)
        return bench.own.heartbeats.length - before
      }
      return { ...bench, beatsIn }
    }

    test('asks four times a second, since others may be giving up what it shall have', async () => {
      const { own, beatsIn, host } = await newcomer(assignment())
      expect(await beatsIn(2_000)).toBe(8)
      own.onHeartbeat = [rebalances, async () => {}]
      own.onJoin = [joinedAs('member', 2)]
      own.onSync = [assignment(0)]
      await beatsIn(250)
      expect(host.told.at(-1)).toBe('assigned 2')
      expect(await beatsIn(6_000)).toBe(2)
    })

    test('asks as often as ever when there is nothing for it for as long as a rebalance may take', async () => {
      const { beatsIn } = await newcomer(assignment())
      await beatsIn(slotConfig().consumer.rebalanceTimeout)
      expect(await beatsIn(6_000)).toBe(2)
    })

    test('asks as often as ever when it has got something', async () => {
      const { beatsIn } = await newcomer(assignment(3))
      expect(await beatsIn(6_000)).toBe(2)
    })
  })

  test('owns nothing any more when the group has forgotten it', async () => {
    const { own, host } = await member()
    own.onHeartbeat = [() => Promise.reject(kafkaError(UNKNOWN_MEMBER_ID)), async () => {}]
    await vi.advanceTimersByTimeAsync(3_001)
    expect(claimed(own)).toEqual({ owned: [], generation: -1 })
    expect(host.told).toEqual(['lost', 'assigned 2'])
  })

  test('does not go on when it is told to leave while it gives something up', async () => {
    const { own, host, seat } = await member()
    host.releasing = new Promise(() => {})
    own.onSync = [assignment(1)]
    await vi.advanceTimersByTimeAsync(3_001)
    const left = seat.leave(true)
    host.releasing = Promise.resolve()
    await vi.advanceTimersByTimeAsync(2_000)
    await left
    expect(seat.state).toBe('left')
    expect(host.told).toEqual(['revoke 0'])
  })

  test('makes the bytes of its subscription others when it has to, also before it owns anything', async () => {
    const { seat, own } = seatBench({ config: config('cooperative-sticky') })
    seat.start()
    await settle()
    const before = own.joins.at(-1)?.protocols[0]?.metadata
    seat.rejoin('the test says so')
    await settle()
    expect(own.joins.at(-1)?.protocols[0]?.metadata).not.toEqual(before)
    expect(said(own).userData?.readInt32BE(0)).toBe(1)
  })
})

describe('while a JoinGroup waits for others, a cooperative seat', () => {
  const waiting = async () => {
    const bench = await member()
    const joined = deferred<Awaited<ReturnType<ReturnType<typeof joinedAs>>>>()
    bench.own.onJoin = [() => joined.promise]
    await vi.advanceTimersByTimeAsync(3_001)
    expect(bench.seat.state).toBe('rebalancing')
    return { ...bench, joined }
  }

  test('is confirmed as long as the coordinator knows it, for longer than a session', async () => {
    const { seat, poolClient } = await waiting()
    poolClient.onHeartbeat = [rebalances]
    await vi.advanceTimersByTimeAsync(100_000)
    expect(seat.isConfirmed).toBe(true)
    expect(poolClient.heartbeats.at(-1)).toMatchObject({ memberId: 'member', generation: 1 })
  })

  test('is not, when it does not', async () => {
    const { seat, poolClient } = await waiting()
    poolClient.onHeartbeat = [() => Promise.reject(kafkaError(UNKNOWN_MEMBER_ID))]
    await vi.advanceTimersByTimeAsync(100_000)
    expect(seat.isConfirmed).toBe(false)
  })

  test('asks no longer when that is over', async () => {
    const { own, poolClient, joined } = await waiting()
    own.onSync = [assignment(0, 1)]
    joined.resolve(await joinedAs('member', 2)())
    await settle()
    const asked = poolClient.heartbeats.length
    await vi.advanceTimersByTimeAsync(20_000)
    expect(poolClient.heartbeats.length).toBe(asked)
  })
})

describe('a seat that offers an eager assignor beside the cooperative one', () => {
  test('gives everything up before it joins, and claims nothing', async () => {
    const { own, host } = await member('cooperative-sticky', 'range')
    await vi.advanceTimersByTimeAsync(3_001)
    expect(host.told).toEqual(['release', 'assigned 2'])
    expect(own.joins.at(-1)?.protocols.map(({ name }) => name)).toEqual(['cooperative-sticky', 'range'])
    for (const protocol of [0, 1]) expect(said(own, protocol)).toMatchObject({ owned: [], generation: -1 })
  })

  test('does not join again when it got less', async () => {
    const { own } = await member('cooperative-sticky', 'range')
    own.onSync = [assignment(1)]
    const joins = own.joins.length
    await vi.advanceTimersByTimeAsync(20_000)
    expect(own.joins.length).toBe(joins + 1)
  })
})

describe('a cooperative seat that drains', () => {
  const draining = async (group?: Group) => {
    const bench = seatBench({ config: config('cooperative-sticky'), ...(group && { group }) })
    bench.seat.start()
    await settle()
    bench.host.busy = [{ topic: 'orders', partition: 1 }]
    bench.own.onJoin = [joinedAs('member', 2)]
    bench.own.onSync = [assignment(1)]
    bench.host.told.length = 0
    bench.seat.drain()
    return bench
  }

  test('hands on at once what no handler is in flight of, and keeps the rest', async () => {
    const { seat, own, host } = await draining()
    seat.handOn()
    await settle()
    expect(host.told).toEqual(['hand on', 'assigned 2'])
    expect(claimed(own)).toEqual({ owned: [1], generation: 1 })
    expect(isDrainingIn(said(own).userData)).toBe(true)
    seat.handOn()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(own.joins.length).toBe(2)
  })

  test('makes no rebalance for that where nobody else is, but hands on in the next one', async () => {
    const group = new Group('group', 1)
    vi.spyOn(group, 'isAlone', 'get').mockReturnValue(true)
    const { seat, own, host } = await draining(group)
    seat.handOn()
    await settle()
    expect(own.joins.length).toBe(1)
    own.onHeartbeat = [rebalances, async () => {}]
    await vi.advanceTimersByTimeAsync(3_001)
    expect(host.told).toEqual(['hand on', 'assigned 2'])
    expect(claimed(own)).toEqual({ owned: [1], generation: 1 })
  })

  test('with an eager assignor hands on nothing', async () => {
    const { seat, own, host } = seatBench({ config: config('range') })
    seat.start()
    await settle()
    seat.drain()
    seat.handOn()
    await settle()
    expect(own.joins.length).toBe(1)
    expect(host.told).not.toContain('hand on')
  })
})

describe('a partition that is not there any more', () => {
  const metadata =
    (error: string | null, count: number): AskTopics =>
    async (names) =>
      names.map((topic) => ({
        ...{ topic, error },
        partitions: Array.from({ length: count }, (_, partition) => ({ partition, leader: 1 })),
      }))

  const rejoined = async (topics: AskTopics) => {
    const bench = seatBench({ config: config('cooperative-sticky'), topics })
    bench.seat.start()
    await settle()
    bench.own.onHeartbeat = [rebalances, async () => {}]
    bench.own.onJoin = [joinedAs('member', 2)]
    bench.host.told.length = 0
    await vi.advanceTimersByTimeAsync(3_001 + 600)
    return bench
  }

  test('is given up before the seat joins, and not claimed: a Java leader would leave it there for ever', async () => {
    const { own, host } = await rejoined(metadata(null, 1))
    expect(host.told).toEqual(['revoke 1', 'assigned 2'])
    expect(claimed(own)).toEqual({ owned: [0], generation: 1 })
  })

  test('is one of a topic that is unknown, not of one in another error or of brokers that do not answer', async () => {
    const deleted = await rejoined(metadata('UNKNOWN_TOPIC_OR_PARTITION', 0))
    expect(claimed(deleted.own)).toEqual({ owned: [], generation: 1 })
    const unsure = await rejoined(metadata('LEADER_NOT_AVAILABLE', 0))
    expect(claimed(unsure.own)).toEqual({ owned: [0, 1], generation: 1 })
    const silent = await rejoined(() => new Promise(() => {}))
    expect(claimed(silent.own)).toEqual({ owned: [0, 1], generation: 1 })
    const failing = await rejoined(() => Promise.reject(new Error('no broker')))
    expect(claimed(failing.own)).toEqual({ owned: [0, 1], generation: 1 })
  })
})

describe('a seat that leads and can make no assignment', () => {
  test('says why at once, and once, with the remedy, counts as refused until it can, and asks again', async () => {
    const { logger: log, lines: written } = collectLines()
    const group = new Group('group', 1)
    const message = 'the assignor of the module file:///mine.mjs cannot be used: mine. Mend the module'
    const assign = vi
      .spyOn(group.assignors, 'assign')
      .mockRejectedValue(new PoolError('KCP_MODULE_NOT_USABLE', message))
    const { seat, own, host } = seatBench({ config: config('cooperative-sticky'), group, log })
    const leads = (generation: number) => joinedAs('member', generation, { leaderId: 'member' })
    own.onJoin = [1, 2, 3, 4].map(leads)
    seat.start()
    await settle()
    const lines = () => written.filter(({ level }) => Number(level) >= 40).map(({ level, msg }) => [level, msg])
    expect(lines()).toEqual([[50, expect.stringContaining(message)]])
    expect(seat.isRefused).toBe(true)
    await vi.advanceTimersByTimeAsync(26)
    expect(own.joins).toHaveLength(2)
    expect(lines()).toHaveLength(1)
    expect(assign.mock.lastCall?.[4]).toBe(slotConfig().consumer.sessionTimeout)
    expect(host.told).not.toContain('refused')
    await vi.advanceTimersByTimeAsync(51)
    expect(own.joins).toHaveLength(3)
    expect(host.told).toContain('refused')
    assign.mockResolvedValue(new Map())
    await vi.advanceTimersByTimeAsync(1_000)
    expect([seat.state, seat.isRefused]).toEqual(['stable', false])
    expect(written.map(({ msg }) => msg)).toContain('there is an assignment again')
  })
})
