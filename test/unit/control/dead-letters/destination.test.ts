import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { countInARow } from '#src/control/dead-letters/breaker.js'
import { destinationOf } from '#src/control/dead-letters/destination.js'
import { NO_LEADER } from '#src/kafka/metadata.js'

const topic = (leaders: readonly number[], error: string | null = null) => ({
  ...{ topic: 'dead', error },
  partitions: leaders.map((leader, partition) => ({ partition, leader })),
})

describe('the partition of a dead letter', () => {
  test('is the one with the same number, as long as that is there and has a leader', () => {
    for (const which of ['any', 'same'] as const) {
      expect(destinationOf(topic([7, 8, 9]), 1, which)).toEqual({ partition: 1, leader: 8 })
    }
  })

  test('is another one where that is not there, but only if any will do', () => {
    expect(destinationOf(topic([7, 8]), 5, 'any').partition).toBe(1)
    const missing = expect.objectContaining({ type: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(() => destinationOf(topic([7, 8]), 5, 'same')).toThrow(missing)
  })

  test('is another one where that has no leader, but only if any will do', () => {
    expect(destinationOf(topic([7, NO_LEADER, NO_LEADER]), 1, 'any').partition).toBe(0)
    const leaderless = expect.objectContaining({ type: 'LEADER_NOT_AVAILABLE' })
    expect(() => destinationOf(topic([7, NO_LEADER]), 1, 'same')).toThrow(leaderless)
    expect(() => destinationOf(topic([NO_LEADER]), 1, 'any')).toThrow(leaderless)
    expect(() => destinationOf(topic([]), 1, 'any')).toThrow(leaderless)
  })

  test('is none of a topic that has an error', () => {
    const forbidden = expect.objectContaining({ type: 'TOPIC_AUTHORIZATION_FAILED' })
    expect(() => destinationOf(topic([], 'TOPIC_AUTHORIZATION_FAILED'), 0, 'any')).toThrow(forbidden)
  })

  test('is always the same for the same partition, and has a leader', () => {
    const leaders = fc.array(fc.constantFrom(NO_LEADER, 1, 2), { minLength: 1 })
    fc.assert(
      fc.property(leaders, fc.nat(500), (each, source) => {
        fc.pre(each.some((leader) => leader !== NO_LEADER))
        const found = destinationOf(topic(each), source, 'any')
        expect(found.leader).not.toBe(NO_LEADER)
        expect(destinationOf(topic(each), source, 'any')).toEqual(found)
      }),
    )
  })
})

describe('how many dead letters are in a row', () => {
  test('one after none', () => expect(countInARow(null, false, 5n)).toBe(1))
  test('one more, when its thread has finished nothing since', () =>
    expect(countInARow({ count: 3, upTo: 6n }, true, 9n)).toBe(4))
  test('one more, when nothing was finished since, whoever handles it', () =>
    expect(countInARow({ count: 3, upTo: 6n }, false, 6n)).toBe(4))
  test('one, when something was', () => expect(countInARow({ count: 3, upTo: 6n }, false, 7n)).toBe(1))
})
