import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { Assignors } from '#src/control/membership/assignors/assignors.js'
import { decodeAssignment, encodeSubscription } from '#src/control/membership/assignors/subscription.js'
import { assignForGroup } from '#src/control/membership/group-leader.js'
import type { JoinResult } from '#src/kafka/group.js'
import type { TopicMetadata } from '#src/kafka/metadata.js'

const joined: JoinResult = {
  generation: 1,
  protocol: 'roundrobin',
  leaderId: 'me',
  memberId: 'me',
  members: [{ memberId: 'me', instanceId: null, metadata: encodeSubscription({ topics: ['orders'] }) }],
}

describe('a leader', () => {
  test('gives members of a cooperative-sticky group what is theirs, and of the rest what is near to them', async () => {
    const of = (memberId: string, owned: number[], rackId: string) => ({
      ...{ memberId, instanceId: null },
      metadata: encodeSubscription({
        ...{ topics: ['orders'], rackId, generation: 4 },
        owned: owned.map((partition) => ({ topic: 'orders', partition })),
      }),
    })
    const racks = ['a', 'b', 'b', 'a', 'b', 'a']
    const topics = async () => [
      {
        ...{ topic: 'orders', error: null },
        partitions: racks.map((rack, partition) => ({ partition, leader: 1, racks: [rack] })),
      },
    ]
    const group = { ...joined, protocol: 'cooperative-sticky', members: [of('me', [1], 'a'), of('you', [3], 'b')] }
    const { assignments } = await assignForGroup(group, topics, new Assignors(), pino({ level: 'silent' }))
    const partitions = assignments.map(({ assignment }) =>
      decodeAssignment(assignment).map(({ partition }) => partition),
    )
    expect(partitions).toEqual([
      [0, 1, 5],
      [2, 3, 4],
    ])
  })

  test.each([
    'LEADER_NOT_AVAILABLE',
    'UNKNOWN_TOPIC_OR_PARTITION',
  ])('does not take a passing %s for a topic without partitions', async (error) => {
    const answers: TopicMetadata[] = [
      { topic: 'orders', error, partitions: [] },
      { topic: 'orders', error: null, partitions: [{ partition: 0, leader: 1 }] },
    ]
    const topics = async () =>
      [answers.length > 1 ? answers.shift() : answers[0]].filter((found) => found !== undefined)
    const { assignments, counts } = await assignForGroup(joined, topics, new Assignors(), pino({ level: 'silent' }))
    const [own] = assignments
    expect(decodeAssignment(own?.assignment ?? Buffer.alloc(0))).toEqual([{ topic: 'orders', partition: 0 }])
    expect(counts).toEqual(new Map([['orders', 1]]))
  })
})
