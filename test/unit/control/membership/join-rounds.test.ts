import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { SlotConfig } from '#src/config/resolved.js'
import {
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '#src/control/membership/assignors/subscription.js'
import { ConsumedTopics } from '#src/control/membership/consumed-topics.js'
import { Coordinator } from '#src/control/membership/coordinator.js'
import { Group } from '#src/control/membership/group.js'
import { JoinRounds } from '#src/control/membership/join-rounds.js'
import type { JoinResult } from '#src/kafka/group.js'
import type { TopicMetadata } from '#src/kafka/metadata.js'
import { deferred } from '#src/util/deferred.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import { FakeClient, kafkaError } from '../../../support/control/fake-client.js'
import { assignment, joinedAs } from '../../../support/control/slot-bench.js'
import { collectLines } from '../../../support/log-lines.js'

const MEMBER_ID_REQUIRED = 79
const REBALANCE_IN_PROGRESS = 27

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const world = ({ config = slotConfig(), seats = 1 }: { config?: SlotConfig; seats?: number } = {}) => {
  const client = new FakeClient()
  client.onJoin = [joinedAs('member', 1)]
  client.onSync = [assignment(0, 1)]
  const group = new Group('group', seats)
  const { logger, lines } = collectLines()
  const coordinator = new Coordinator(client, 'group')
  const onAsk = vi.fn()
  const consumed = new ConsumedTopics(config)
  const topics = async (names: readonly string[]): Promise<TopicMetadata[]> =>
    names.map((topic) => ({ topic, error: null, partitions: [0, 1, 2].map((partition) => ({ partition, leader: 1 })) }))
  const rounds = new JoinRounds({
    config,
    consumed,
    group,
    coordinator,
    poolCoordinator: coordinator,
    topics,
    log: logger,
    onAsk,
  })
  return { client, group, rounds, onAsk, lines, consumed }
}

const member = (memberId: string) => ({
  memberId,
  instanceId: null,
  metadata: encodeSubscription({ topics: ['orders'] }),
})
const idRequired = () => Promise.reject(kafkaError(MEMBER_ID_REQUIRED, 'MEMBER_ID_REQUIRED', 'given'))

describe('a round', () => {
  test('ends with the generation and what of its assignment is subscribed to', async () => {
    const { client, rounds, lines } = world()
    const foreign = { topic: 'foreign', partition: 3 }
    client.onSync = [async () => encodeAssignment([{ topic: 'orders', partition: 0 }, foreign])]
    expect(await rounds.next()).toMatchObject({
      ...{ generation: 1, protocol: 'roundrobin', isLeader: false, assignedFrom: null, members: [], serial: 0 },
      partitions: [{ topic: 'orders', partition: 0 }],
    })
    expect(lines).toMatchObject([{ groupId: 'group', memberId: 'member', foreign: [foreign] }])
  })

  test('whose JoinGroup waits while its topics change is not the last one, and what it brings of the old ones is no mistake', async () => {
    const { client, rounds, lines, consumed } = world()
    const joined = deferred<void>()
    client.onJoin = [() => joined.promise.then(joinedAs('member', 1))]
    client.onSync = [async () => encodeAssignment([{ topic: 'orders', partition: 0 }])]
    const round = rounds.next()
    await Promise.resolve()
    consumed.add({ topics: ['more'], patterns: [] })
    consumed.remove({ topics: ['orders'], patterns: [] })
    rounds.changeSubscription()
    joined.resolve()
    expect(await round).toMatchObject({ partitions: [{ topic: 'orders' }] })
    expect((await round) as { serial?: number }).not.toMatchObject({ serial: rounds.serial })
    client.onJoin = [joinedAs('member', 2)]
    expect(await rounds.next()).toMatchObject({ partitions: [], serial: rounds.serial })
    expect(lines).toHaveLength(1) // of the second round, which does not subscribe to them
    const [first, second] = client.joins.map(({ protocols }) => decodeSubscription(protocols[0]?.metadata as Buffer))
    expect([first?.topics, second?.topics]).toEqual([['orders'], ['more']])
  })

  test('of the leader hands out the assignment of all, and says what it was made from', async () => {
    const { client, rounds } = world()
    client.onJoin = [joinedAs('member', 1, { leaderId: 'member', members: [member('member'), member('other')] })]
    const round = await rounds.next()
    expect(round).toMatchObject({
      isLeader: true,
      assignedFrom: new Map([['orders', 3]]),
      members: ['member', 'other'],
    })
    expect(client.syncs[0]).toMatchObject({ member: { generation: 1, memberId: 'member' } })
    expect(client.syncs[0]?.assignments.map(({ memberId }) => memberId).sort()).toEqual(['member', 'other'])
  })

  test('asks again with the member id that it is given, when all siblings have theirs', async () => {
    const { client, group, rounds, onAsk } = world({ seats: 2 })
    client.onJoin = [idRequired, joinedAs('given', 7)]
    const round = rounds.next()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(client.joins.map(({ memberId }) => memberId)).toEqual([''])
    await group.barrier.arrive()
    expect(await round).toMatchObject({ generation: 7 })
    expect(client.joins.map(({ memberId }) => memberId)).toEqual(['', 'given'])
    expect(onAsk).toHaveBeenCalledTimes(2)
  })

  test('keeps the member id when it fails after that, and the next one joins with it', async () => {
    const { client, rounds } = world()
    client.onSync = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), assignment(0)]
    await expect(rounds.next()).rejects.toMatchObject({ code: REBALANCE_IN_PROGRESS })
    await rounds.next()
    expect(client.joins.map(({ memberId }) => memberId)).toEqual(['', 'member'])
    rounds.forgetMemberId()
    await rounds.next()
    expect(client.joins.at(-1)?.memberId).toBe('')
  })

  test('sends nothing when none may be sent any more', async () => {
    const { client, rounds, onAsk } = world()
    onAsk.mockImplementation(() => {
      throw new Error('the seat has left')
    })
    await expect(rounds.next()).rejects.toThrow('the seat has left')
    expect(client.joins).toEqual([])
  })

  test('shows whether a rebalance was asked for after the coordinator had let the seat in', async () => {
    const { client, rounds } = world()
    const [joined, synced] = [deferred<JoinResult>(), deferred<Buffer>()]
    client.onJoin = [() => joined.promise]
    client.onSync = [() => synced.promise]
    const round = rounds.next()
    await vi.advanceTimersByTimeAsync(0)
    rounds.changeSubscription() // all that the group assigns in this round comes later
    joined.resolve(await joinedAs('member', 1)())
    await vi.advanceTimersByTimeAsync(0)
    rounds.changeSubscription()
    synced.resolve(await assignment(0)())
    expect([(await round).generation, await round]).toMatchObject([1, { serial: 1 }])
    expect(rounds.serial).toBe(2)
  })

  test('of a static member that comes back ends early when what the group has kept for it is out of date', async () => {
    const { client, rounds } = world({ config: slotConfig({ consumer: { groupInstanceId: 'me' } }) })
    const kept = { memberId: 'before', instanceId: 'me', clientId: 'c', host: '/h' }
    const metadata = encodeSubscription({ topics: ['bills'] })
    const described = { state: 'Stable', members: [{ ...kept, metadata, assignment: encodeAssignment([]) }] }
    client.describeGroup = async () => described
    expect(await rounds.next()).toEqual({ generation: 1, outdated: expect.stringContaining('also "orders"') })
    expect(client.syncs).toEqual([])
    expect(await rounds.next()).toMatchObject({ partitions: [{ partition: 0 }, { partition: 1 }] })
  })
})

describe('a member can be removed', () => {
  test('once its id is known, and not before it has asked', async () => {
    const { rounds } = world()
    expect(await rounds.canBeRemoved()).toBe(false)
    await rounds.next()
    expect(await rounds.canBeRemoved()).toBe(true)
  })

  test('by the id that comes a moment later', async () => {
    const { client, rounds } = world({ seats: 2 })
    const given = deferred<JoinResult>()
    client.onJoin = [() => given.promise]
    void rounds.next()
    await vi.advanceTimersByTimeAsync(0)
    const answer = rounds.canBeRemoved()
    given.reject(kafkaError(MEMBER_ID_REQUIRED, 'MEMBER_ID_REQUIRED', 'given'))
    expect(await answer).toBe(true)
    expect(rounds.memberId).toBe('given')
  })

  test.each([
    ['me', true],
    [null, false],
  ])('without an answer when it has an instance id (%s: %s)', async (groupInstanceId, can) => {
    const { client, rounds } = world({ config: slotConfig({ consumer: { groupInstanceId } }) })
    client.onJoin = [() => new Promise(() => {})]
    void rounds.next()
    await vi.advanceTimersByTimeAsync(0)
    const answer = rounds.canBeRemoved()
    await vi.advanceTimersByTimeAsync(250)
    expect(await answer).toBe(can)
  })
})
