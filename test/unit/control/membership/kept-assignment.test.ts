import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encodeAssignment, encodeSubscription } from '#src/control/membership/assignors/subscription.js'
import { Group } from '#src/control/membership/group.js'
import { whyOutdated } from '#src/control/membership/kept-assignment.js'
import type { GroupDescription } from '#src/kafka/group.js'
import { KafkaError } from '#src/kafka/kafka-error.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import { kafkaError } from '../../../support/control/fake-client.js'
import { seatBench } from '../../../support/control/seat-bench.js'
import { joinedAs } from '../../../support/control/slot-bench.js'

type Member = GroupDescription['members'][number]

const topic = (name: string, partitions: number) => ({
  topic: name,
  error: null,
  partitions: Array.from({ length: partitions }, (_, partition) => ({ partition, leader: 1 })),
})

const member = (instanceId: string | null, topics: readonly string[], ...assigned: readonly string[]): Member => ({
  memberId: `${instanceId}-1`,
  instanceId,
  clientId: 'client',
  host: '/127.0.0.1',
  metadata: encodeSubscription({ topics }),
  assignment: encodeAssignment(
    assigned.map((text) => ({ topic: text.split('-')[0] ?? '', partition: Number(text.split('-')[1]) })),
  ),
})

const stable = (...members: readonly Member[]): GroupDescription => ({ state: 'Stable', members })

describe('what a group has kept for a static member', () => {
  test.each([
    ['is right when nothing has changed', stable(member('me', ['a'], 'a-0', 'a-1')), [topic('a', 2)]],
    ['is right when others have the rest', stable(member('me', ['a']), member(null, ['a'], 'a-0')), [topic('a', 1)]],
    ['is nothing when the member is new', stable(member('you', ['a'], 'a-0')), [topic('b', 1)]],
    [
      'is of no interest while the group rebalances anyway',
      { ...stable(member('me', ['a'])), state: 'PreparingRebalance' },
      [topic('b', 1)],
    ],
    [
      'is left alone when another member’s assignment cannot be read',
      stable(member('me', ['a']), { ...member('you', ['a']), assignment: Buffer.from([0, 0, 0]) }),
      [topic('a', 1)],
    ],
    [
      'is left alone when the broker knows nothing of a topic just now',
      stable(member('me', ['a'])),
      [{ topic: 'a', error: 'LEADER_NOT_AVAILABLE', partitions: [] }],
    ],
  ])('%s', (_, group, metadata) => {
    expect(whyOutdated(group, 'me', metadata)).toBeNull()
  })

  test.each([
    ['the member subscribes to more', stable(member('me', ['a'], 'a-0')), [topic('a', 1), topic('b', 1)], 'also "b"'],
    ['it subscribes to less', stable(member('me', ['a', 'b'], 'a-0')), [topic('a', 1)], 'no more "b"'],
    ['it still has what it gave up', stable(member('me', ['a'], 'a-0', 'b-0')), [topic('a', 1)], 'no more "b"'],
    ['a topic has grown', stable(member('me', ['a'], 'a-0'), member('you', ['a'], 'a-1')), [topic('a', 3)], 'of "a"'],
    [
      'somebody else has the new topic',
      stable(member('me', ['a']), member('you', ['b'], 'b-0')),
      [topic('b', 1)],
      'also',
    ],
  ])('is outdated when %s', (_, group, metadata, why) => {
    expect(whyOutdated(group, 'me', metadata)).toContain(why)
  })
})

describe('a static seat that comes back', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const settle = () => vi.advanceTimersByTimeAsync(100)

  /** The group has kept an assignment without topic `new`. */
  const outdated = (group = new Group('group', 1)) => {
    const config = slotConfig({ topics: ['orders', 'new'], consumer: { groupInstanceId: 'me' } })
    const bench = seatBench({ config, group })
    bench.own.describeGroup = async () => stable(member('me', ['orders'], 'orders-0', 'orders-1'))
    bench.own.onJoin = [joinedAs('member', 7), joinedAs('member', 8)]
    return bench
  }

  test('takes an outdated assignment up only after a rebalance, which it asks for once', async () => {
    const { own, host, seat } = outdated()
    seat.start()
    await settle()
    expect(own.joins.map(({ memberId }) => memberId)).toEqual(['', 'member'])
    expect(own.joins[0]?.protocols[0]?.metadata).not.toEqual(own.joins[1]?.protocols[0]?.metadata)
    expect(host.told).toEqual(['assigned 8'])
    expect(own.asked.filter((request) => request === 'SyncGroup')).toHaveLength(1)
  })

  test('is content with a rebalance that a sibling has asked for', async () => {
    const group = new Group('group', 1)
    const { own, host, seat } = outdated(group)
    const describeGroup = own.describeGroup
    own.describeGroup = async (...request) => {
      const answer = await describeGroup(...request)
      setTimeout(() => group.noteGeneration(6), 1)
      return answer
    }
    own.onJoin = [
      () => new Promise((resolve) => setTimeout(() => joinedAs('member', 7)().then(resolve), 10)),
      joinedAs('member', 8),
    ]
    seat.start()
    await settle()
    expect(own.joins).toHaveLength(1)
    expect(host.told).toEqual(['assigned 7'])
  })

  test('joins all the same when the broker does not describe groups', async () => {
    const { own, host, seat } = outdated()
    own.describeGroup = () => Promise.reject(kafkaError(35, 'UNSUPPORTED_VERSION'))
    seat.start()
    await settle()
    expect(host.told).toEqual(['assigned 7'])
  })

  test('waits for a coordinator that cannot describe groups yet', async () => {
    const { own, host, seat } = outdated()
    const { describeGroup } = own
    let failures = 2
    own.describeGroup = (...request) =>
      failures-- > 0
        ? Promise.reject(new KafkaError('COORDINATOR_LOAD_IN_PROGRESS', 14, true, 'loading'))
        : describeGroup(...request)
    seat.start()
    await vi.advanceTimersByTimeAsync(2_000)
    expect(host.told).toEqual(['assigned 8'])
  })
})
