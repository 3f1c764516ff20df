import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { byTopic, flatten } from '#src/kafka/requests/by-topic.js'

describe('partitions by topic', () => {
  it('and back are the same ones', () => {
    const partition = fc.record({ topic: fc.constantFrom<string>('a', 'b', 'c'), partition: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(partition), (partitions) => {
        const grouped = byTopic(partitions, ({ partition: number }) => ({ partition: number }))
        expect(new Set(grouped.map(({ topic }) => topic)).size).toBe(grouped.length)
        const sorted = (list: typeof partitions) => list.map((item) => `${item.topic} ${item.partition}`).sort()
        expect(sorted(flatten(grouped))).toEqual(sorted(partitions))
      }),
    )
  })
})
