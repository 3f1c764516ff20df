import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assignors } from '#src/control/membership/assignors/index.js'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from '#src/control/membership/assignors/subscription.js'

interface KafkaJSCodec {
  encode(value: Record<string, unknown>): Buffer
  decode(bytes: Buffer): Record<string, unknown> | null
}
interface KafkaJSAssigner {
  assign(group: {
    members: { memberId: string; memberMetadata: Buffer }[]
    topics: string[]
  }): Promise<{ memberId: string; memberAssignment: Buffer }[]>
}

// KafkaJS's own code is the oracle here.
const require = createRequire(import.meta.url)
const kafkajs: {
  MemberMetadata: KafkaJSCodec
  MemberAssignment: KafkaJSCodec
} = require('kafkajs/src/consumer/assignerProtocol')
const createAssigner: (options: { cluster: unknown }) => KafkaJSAssigner =
  require('kafkajs/src/consumer/assigners').roundRobin

const names = fc.stringMatching(/^[a-zA-Z0-9._-]{1,12}$/)
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

describe('a KafkaJS member', () => {
  test('reads our subscription', () => {
    const bytes = encodeSubscription({ topics: ['b', 'a'], rackId: 'r1' })
    expect(kafkajs.MemberMetadata.decode(bytes)).toEqual({ version: 3, topics: ['a', 'b'], userData: null })
  })

  test('reads our assignment', () => {
    const bytes = encodeAssignment([
      { topic: 'b', partition: 0 },
      { topic: 'a', partition: 2 },
      { topic: 'a', partition: 0 },
    ])
    expect(kafkajs.MemberAssignment.decode(bytes)).toEqual({
      version: 3,
      assignment: { a: [0, 2], b: [0] },
      userData: null,
    })
    expect(kafkajs.MemberAssignment.decode(encodeAssignment([]))).toMatchObject({ assignment: {} })
  })

  test('writes a subscription that we read', () => {
    fc.assert(
      fc.property(fc.array(names), (topics) => {
        const bytes = kafkajs.MemberMetadata.encode({ version: 0, topics })
        expect(decodeSubscription(bytes)).toEqual({
          topics,
          userData: Buffer.alloc(0),
          owned: [],
          generation: -1,
          rackId: null,
        })
      }),
    )
  })

  test('writes an assignment that we read', () => {
    fc.assert(
      fc.property(fc.dictionary(names, fc.uniqueArray(fc.nat(100)), { noNullPrototype: true }), (assignment) => {
        const bytes = kafkajs.MemberAssignment.encode({ version: 0, assignment })
        const expected = Object.entries(assignment)
          .sort(([a], [b]) => byText(a, b))
          .flatMap(([topic, list]) => [...list].sort((a, b) => a - b).map((partition) => ({ topic, partition })))
        expect(decodeAssignment(bytes)).toEqual(expected)
      }),
    )
  })
})

test('RoundRobinAssigner distributes as the assigner of KafkaJS does when the broker lists partitions by number', async () => {
  const groups = fc.record({
    ids: fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 7 }),
    counts: fc.uniqueArray(fc.tuple(names, fc.nat(9)), { maxLength: 5, selector: ([topic]) => topic }),
  })
  await fc.assert(
    fc.asyncProperty(groups, async ({ ids, counts }) => {
      const topics = counts.map(([topic]) => topic).sort()
      const partitionCounts = new Map(counts)
      const cluster = {
        findTopicPartitionMetadata: (topic: string) =>
          Array.from({ length: partitionCounts.get(topic) ?? 0 }, (_, partitionId) => ({ partitionId })),
      }
      const members = ids.map((memberId) => ({ memberId, memberMetadata: encodeSubscription({ topics }) }))
      const theirs = await createAssigner({ cluster }).assign({ members, topics })
      const expected = new Map(ids.map((id) => [id, decodeAssignment(Buffer.alloc(0))]))
      for (const { memberId, memberAssignment } of theirs) expected.set(memberId, decodeAssignment(memberAssignment))
      const ours = assignors.RoundRobinAssigner.assign(
        ids.map((memberId) => ({ memberId, instanceId: null, topics })),
        partitionCounts,
      )
      expect(ours).toEqual(expected)
    }),
  )
})
