import { describe, expect, it } from 'vitest'
import { leadersOf } from '#src/kafka/partition-leaders.js'

describe('leaders', () => {
  const topics = [
    {
      topic: 'a',
      error: null,
      partitions: [
        { partition: 0, leader: 1 },
        { partition: 1, leader: 2 },
        { partition: 2, leader: -1 },
      ],
    },
    { topic: 'b', error: 'TOPIC_AUTHORIZATION_FAILED', partitions: [] },
  ]
  const at = (topic: string, partition: number) => ({ topic, partition })

  it('get their partitions', () => {
    expect(leadersOf([at('a', 1), at('a', 0)], topics)).toEqual(
      new Map([
        [2, [at('a', 1)]],
        [1, [at('a', 0)]],
      ]),
    )
  })

  it.each([
    [at('a', 2), 'LEADER_NOT_AVAILABLE', 5],
    [at('a', 9), 'UNKNOWN_TOPIC_OR_PARTITION', 3],
    [at('b', 0), 'TOPIC_AUTHORIZATION_FAILED', 29],
    [at('c', 0), 'UNKNOWN_TOPIC_OR_PARTITION', 3],
  ])('of %j are missing: %s', (partition, type, code) => {
    expect(() => leadersOf([partition], topics)).toThrow(expect.objectContaining({ type, code }))
  })
})
