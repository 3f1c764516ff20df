import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { SlotConfig } from '#src/config/resolved.js'
import { encodeAssignment, encodeSubscription } from '#src/control/membership/assignors/subscription.js'
import { Coordinator } from '#src/control/membership/coordinator.js'
import { Group } from '#src/control/membership/group.js'
import { Seat } from '#src/control/membership/seat.js'
import type { SeatHost } from '#src/control/membership/seat-host.js'
import type { PoolError } from '#src/errors.js'
import type { TopicPartition } from '#src/kafka/metadata.js'
import { monotonicMs } from '#src/util/clock.js'
import { eager, slotConfig } from '../../../support/config/slot-config.js'
import { FakeClient, kafkaError, unanswered } from '../../../support/control/fake-client.js'
import { assignment, joinedAs } from '../../../support/control/slot-bench.js'
import { collectLines } from '../../../support/log-lines.js'

const REBALANCE_IN_PROGRESS = 27
const MEMBER_ID_REQUIRED = 79

/** A host that writes down what it is told. */
class Notes implements SeatHost {
  readonly told: string[] = []
  assignment: readonly TopicPartition[] = []
  leaseUntilMs = 0
  refusal: PoolError | null = null

  async release() {
    this.told.push('release')
  }
  revoke() {
    return Promise.resolve()
  }
  async handOn() {
    return []
  }
  assigned(partitions: readonly TopicPartition[], _follows: boolean, generation: number) {
    this.assignment = partitions
    this.told.push(`assigned ${generation}`)
  }
  lost() {
    this.told.push('lost')
  }
  lease(untilMs: number) {
    this.leaseUntilMs = untilMs
  }
  joined() {
    this.told.push('joined')
  }
  fenced(tries: number, retryInMs: number | null) {
    this.told.push(`fenced ${tries} ${retryInMs}`)
  }
  refused(error: PoolError) {
    this.refusal = error
    this.told.push('refused')
  }
}

const world = (config: SlotConfig = slotConfig()) => {
  const own = new FakeClient()
  const poolClient = new FakeClient('shared')
  const host = new Notes()
  const { logger, lines } = collectLines()
  const seat = new Seat({
    config,
    group: new Group('group', 1),
    host,
    log: logger,
    client: own,
    coordinator: new Coordinator(poolClient, 'group'),
    topics: async (names) =>
      names.map((topic) => ({
        topic,
        error: null,
        partitions: [0, 1, 2].map((partition) => ({ partition, leader: 1 })),
      })),
  })
  own.onJoin = [joinedAs('member', 1)]
  own.onSync = [assignment(0, 1)]
  return { seat, own, poolClient, host, lines }
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const settle = () => vi.advanceTimersByTimeAsync(0)
const heartbeatLater = () => vi.advanceTimersByTimeAsync(3_001)

describe('a seat that joins', () => {
  test('takes the member id that it is given, joins with it and tells its assignment', async () => {
    const { seat, own, host } = world()
    own.onJoin = [
      () => Promise.reject(kafkaError(MEMBER_ID_REQUIRED, 'MEMBER_ID_REQUIRED', 'given')),
      joinedAs('given', 7),
    ]
    seat.start()
    await settle()
    expect(own.joins.map(({ memberId }) => memberId)).toEqual(['', 'given'])
    expect(host.told).toEqual(['joined', 'assigned 7'])
    expect(host.assignment).toHaveLength(2)
    expect(seat.state).toBe('stable')
  })

  test('assigns for the whole group when it is made the leader', async () => {
    const { seat, own } = world()
    const members = ['member', 'other'].map((memberId) => ({
      memberId,
      instanceId: null,
      metadata: encodeSubscription({ topics: ['orders'] }),
    }))
    own.onJoin = [joinedAs('member', 1, { leaderId: 'member', members })]
    seat.start()
    await settle()
    expect(seat.isLeader).toBe(true)
    expect(own.syncs[0]?.assignments.map(({ memberId }) => memberId).sort()).toEqual(['member', 'other'])
  })

  test('leaves out topics that it does not subscribe to, whatever the leader says', async () => {
    const { seat, own, host } = world()
    own.onSync = [
      async () =>
        encodeAssignment([
          { topic: 'orders', partition: 0 },
          { topic: 'foreign', partition: 3 },
        ]),
    ]
    seat.start()
    await settle()
    expect(host.assignment).toEqual([{ topic: 'orders', partition: 0 }])
  })

  test('says so when the broker does not let it in any more, and looks unwell until it does', async () => {
    const { seat, own, host } = world()
    seat.start()
    await settle()
    const refused = () => Promise.reject(kafkaError(58, 'SASL_AUTHENTICATION_FAILED'))
    own.onHeartbeat = [...Array(6).fill(refused), async () => {}]
    await heartbeatLater()
    await vi.advanceTimersByTimeAsync(500)
    expect(host.refusal).toMatchObject({
      code: 'KCP_BROKER_REFUSED',
      message: expect.stringContaining('Check the credentials in option sasl'),
    })
    expect(host.told.filter((told) => told === 'refused')).toHaveLength(1)
    expect([seat.isRefused, seat.isConfirmed]).toEqual([true, true])
    await vi.advanceTimersByTimeAsync(3_000)
    expect(seat.isRefused).toBe(false)
    expect(seat.state).toBe('stable')
  })

  test('says why the broker will not have it, with the session timeouts that the broker allows', async () => {
    const { seat, own, host } = world()
    own.onJoin = [() => Promise.reject(kafkaError(26))]
    own.brokerConfig = async () => ({
      'group.min.session.timeout.ms': '6000',
      'group.max.session.timeout.ms': '1800000',
    })
    seat.start()
    await settle()
    expect(host.refusal?.code).toBe('KCP_SESSION_TIMEOUT_REFUSED')
    expect(host.refusal?.message).toContain('between 6000 and 1800000 ms')
  })
})

describe('a seat that is a member', () => {
  const member = async (config?: SlotConfig) => {
    const parts = world(config)
    parts.seat.start()
    await settle()
    parts.own.asked.length = 0
    parts.host.told.length = 0
    return parts
  }

  test('extends the lease by the session timeout with every heartbeat', async () => {
    const { host, own } = await member()
    const before = host.leaseUntilMs
    await heartbeatLater()
    expect(own.asked).toEqual(['Heartbeat'])
    expect(host.leaseUntilMs).toBeGreaterThan(before + 2_900)
  })

  test('tells of a coordinator that does not answer when it begins, once a minute, and when it is over', async () => {
    const { own, lines } = await member()
    let isAway = true
    own.heartbeat = async () => {
      if (isAway) throw unanswered()
    }
    await vi.advanceTimersByTimeAsync(40_000)
    isAway = false
    await vi.advanceTimersByTimeAsync(10_000)
    const told = lines.filter(({ msg }) => String(msg).includes('the coordinator'))
    expect(told.filter(({ level }) => level > 20).map(({ level }) => level)).toEqual([40, 30])
    expect(told.length).toBeGreaterThan(30)
  })

  test('counts what the machine slept through between a heartbeat and its answer', async () => {
    const { host, own } = await member()
    const { sessionTimeout } = slotConfig().consumer
    own.onHeartbeat = [
      async () => {
        vi.setSystemTime(Date.now() + 600_000) // the wall clock; the monotonic one stands still
      },
    ]
    await heartbeatLater()
    expect(own.asked).toEqual(['Heartbeat'])
    expect(host.leaseUntilMs).toBeLessThan(monotonicMs() + sessionTimeout - 590_000)
  })

  test('releases its partitions before it joins a rebalance, with the same member id', async () => {
    const { host, own, seat } = await member(slotConfig(eager))
    own.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), async () => {}]
    own.onJoin = [joinedAs('member', 2)]
    await heartbeatLater()
    expect(own.asked).toEqual(['Heartbeat', 'JoinGroup', 'SyncGroup'])
    expect(own.joins.at(-1)?.memberId).toBe('member')
    expect(host.told).toEqual(['release', 'joined', 'assigned 2'])
    expect(seat.membership.generation).toBe(2)
  })

  test('joins once more when the next rebalance begins before it has synced', async () => {
    const { host, own } = await member(slotConfig(eager))
    own.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), async () => {}]
    own.onJoin = [joinedAs('member', 2), joinedAs('member', 3)]
    own.onSync = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), assignment(0)]
    await heartbeatLater()
    expect(host.told.filter((word) => word.startsWith('assigned'))).toEqual(['assigned 3'])
    expect(host.told).not.toContain('lost')
  })

  test.each([
    [25, 'UNKNOWN_MEMBER_ID', ''],
    [22, 'ILLEGAL_GENERATION', 'member'],
  ])('code %i (%s) stops everything, commits nothing and joins with the member id "%s"', async (code, _name, memberId) => {
    const { host, own } = await member()
    own.onHeartbeat = [() => Promise.reject(kafkaError(code)), async () => {}]
    own.onJoin = [joinedAs('again', 9)]
    await heartbeatLater()
    expect(host.told).toEqual(['lost', 'joined', 'assigned 9'])
    expect(own.joins.at(-1)?.memberId).toBe(memberId)
  })

  test.each([14, 15, 16])('code %i makes it ask again and lose nothing', async (code) => {
    const { host, own, seat } = await member()
    own.onHeartbeat = [() => Promise.reject(kafkaError(code)), () => Promise.reject(kafkaError(code)), async () => {}]
    await heartbeatLater()
    await vi.advanceTimersByTimeAsync(500)
    expect(own.asked.filter((request) => request === 'Heartbeat').length).toBeGreaterThanOrEqual(3)
    expect(own.asked.filter((request) => request === 'FindCoordinator')).toHaveLength(code === 14 ? 0 : 2)
    expect(host.told).toEqual([])
    expect(seat.state).toBe('stable')
  })

  describe('without an answer for longer than its session', () => {
    const cutOff = async () => {
      const parts = await member()
      parts.own.onHeartbeat = [() => Promise.reject(unanswered())]
      parts.own.onFindCoordinator = [() => Promise.reject(unanswered())]
      await vi.advanceTimersByTimeAsync(60_000)
      expect(parts.host.told).toEqual([])
      expect(parts.host.leaseUntilMs).toBeLessThan(monotonicMs())
      expect(parts.seat.isConfirmed).toBe(false)
      parts.own.onFindCoordinator = [async () => 1]
      return parts
    }

    test('goes on when the coordinator, back again, still knows it', async () => {
      const { host, own, seat } = await cutOff()
      own.onHeartbeat = [async () => {}]
      await vi.advanceTimersByTimeAsync(1_100)
      expect(host.told).toEqual([])
      expect(seat.membership).toMatchObject({ memberId: 'member', generation: 1 })
      expect(host.leaseUntilMs).toBeGreaterThan(monotonicMs() + 40_000)
      expect(seat.isConfirmed).toBe(true)
    })

    test('stops its partitions when the coordinator, back again, says that it was thrown out', async () => {
      const { host, own } = await cutOff()
      own.onHeartbeat = [() => Promise.reject(kafkaError(25)), async () => {}]
      own.onJoin = [joinedAs('again', 9)]
      await vi.advanceTimersByTimeAsync(1_100)
      expect(host.told).toEqual(['lost', 'joined', 'assigned 9'])
    })
  })

  test('that is fenced stops at once, tries three times ten seconds apart and then gives up', async () => {
    const { host, own, seat } = await member(slotConfig({ consumer: { groupInstanceId: 'me' } }))
    own.onHeartbeat = [() => Promise.reject(kafkaError(82))]
    await heartbeatLater()
    expect(host.told).toEqual(['lost', 'fenced 1 10000'])
    expect(seat.membership.memberId).toBe('')
    for (let round = 0; round < 3; round++) await vi.advanceTimersByTimeAsync(13_100)
    expect(host.told.filter((word) => word.startsWith('fenced'))).toEqual([
      'fenced 1 10000',
      'fenced 2 10000',
      'fenced 3 10000',
      'fenced 4 null',
    ])
  })

  test('asks the coordinator at once when it is poked', async () => {
    const { own, seat } = await member()
    seat.poke()
    await settle()
    expect(own.asked).toEqual(['Heartbeat'])
  })

  test('forces a rebalance with other bytes, since a follower that rejoins with the same ones causes none', async () => {
    const { own, seat } = await member()
    const before = own.joins.at(-1)?.protocols[0]?.metadata
    seat.rejoin('the topic has grown')
    await settle()
    expect(own.joins).toHaveLength(2)
    expect(own.joins[1]?.protocols[0]?.metadata.equals(before ?? Buffer.alloc(0))).toBe(false)
  })

  test('that drains follows a rebalance as every member does', async () => {
    const { host, own, seat } = await member(slotConfig(eager))
    own.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), async () => {}]
    own.onJoin = [joinedAs('member', 2)]
    seat.drain()
    await heartbeatLater()
    expect(host.told).toEqual(['release', 'joined', 'assigned 2'])
  })

  test('that drains does not become a member anew when it was thrown out', async () => {
    const { host, own, seat } = await member()
    own.onHeartbeat = [() => Promise.reject(kafkaError(25))]
    seat.drain()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(host.told).toEqual(['lost'])
    expect(own.asked).toEqual(['Heartbeat'])
  })

  test.each([
    true,
    false,
  ])('leaves the group, over the client of the pool and its own, only when told to (%s)', async (sendLeave) => {
    const { own, poolClient, seat } = await member()
    await seat.leave(sendLeave)
    for (const { leaves } of [poolClient, own]) {
      expect(leaves.map(({ memberId }) => memberId)).toEqual(sendLeave ? ['member'] : [])
    }
    expect(own.closed).toBe(true)
    expect(seat.state).toBe('left')
  })

  test('that has left is used no more', async () => {
    const { own, seat } = await member()
    await seat.leave(true)
    seat.start()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(own.asked).toEqual(['LeaveGroup'])
    expect(seat.state).toBe('left')
  })
})
