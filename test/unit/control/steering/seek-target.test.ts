import { expect, test } from 'vitest'
import { findOffset } from '#src/control/steering/find-offset.js'
import { readTarget, type SeekTarget } from '#src/control/steering/seek-target.js'
import { KafkaError } from '#src/kafka/kafka-error.js'
import type { LogPlace } from '#src/kafka/offsets.js'
import { kafkaError } from '../../../support/control/fake-client.js'

const WHERE = { topic: 'orders', partition: 3 }

test.each<[SeekTarget, unknown]>([
  [7, { offset: 7n }],
  [0n, { offset: 0n }],
  ['9007199254740993', { offset: 9007199254740993n }],
  ['beginning', { at: 'earliest' }],
  ['end', { at: 'latest' }],
  [{ timestamp: 1_700_000_000_000 }, { at: { timestamp: 1_700_000_000_000 } }],
  [{ timestamp: '1700000000000' }, { at: { timestamp: 1_700_000_000_000 } }],
  [{ timestamp: new Date(5) }, { at: { timestamp: 5 } }],
])('%o is understood', (target, read) => {
  expect(readTarget(target)).toEqual(read)
})

test.each<[unknown, string]>([
  [-1, 'got -1 (number)'],
  [1.5, 'got 1.5 (number)'],
  ['-1', 'got -1 (string)'],
  ['latest', 'got latest (string)'],
  ['', 'got  (string)'],
  [undefined, 'got undefined (undefined)'],
  [null, 'got null (object)'],
  [{ timestamp: 'yesterday' }, 'expected a timestamp in ms since 1970, got yesterday (string)'],
  [{ timestamp: new Date(Number.NaN) }, 'expected a timestamp'],
  [{}, 'got undefined (undefined)'],
])('%o is refused', (target, message) => {
  expect(() => readTarget(target as SeekTarget)).toThrow(message)
})

/** A log of the offsets 5 to 19, up to 15 of which may be read; what is at 10 and later is younger than 1,000. */
const log = (fail: () => void = () => {}) => ({
  listOffsets: async (_: unknown, at: LogPlace, { readUncommitted }: { readonly readUncommitted: boolean }) => {
    fail()
    const young = typeof at === 'object' && at.timestamp > 1_000
    const found = typeof at === 'object' ? (young ? -1n : 10n) : at === 'earliest' ? 5n : readUncommitted ? 20n : 15n
    return [{ ...WHERE, offset: found }]
  },
})

test.each<[SeekTarget, bigint]>([
  ['beginning', 5n],
  ['end', 15n],
  [{ timestamp: 1_000 }, 10n],
  [{ timestamp: 1_001 }, 15n],
  [5, 5n],
  [20, 20n],
])('%o is an offset of the log', async (target, offset) => {
  expect(await findOffset(log(), WHERE, readTarget(target), false)).toBe(offset)
})

test.each([4, 21])('offset %i, which the log does not have, is refused with what it has', async (offset) => {
  await expect(findOffset(log(), WHERE, readTarget(offset), false)).rejects.toMatchObject({
    code: 'KCP_OFFSET_OUT_OF_RANGE',
    message: expect.stringContaining('orders-3 has the offsets 5 to 19, and ends at 20'),
    offset: String(offset),
  })
})

test('a leader that is just being elected is asked again', async () => {
  let fails = 2
  const fail = () => {
    if (fails-- > 0) throw new KafkaError('LEADER_NOT_AVAILABLE', 5, true, 'no leader')
  }
  expect(await findOffset(log(fail), WHERE, { at: 'earliest' }, false)).toBe(5n)
})

test('a refusal is told at once', async () => {
  let asked = 0
  const fail = () => {
    asked += 1
    throw kafkaError(29, 'TOPIC_AUTHORIZATION_FAILED')
  }
  await expect(findOffset(log(fail), WHERE, { at: 'earliest' }, false)).rejects.toMatchObject({
    code: 'KCP_BROKER_REFUSED',
    message: expect.stringContaining('permissions Read and Describe on the topic'),
  })
  expect(asked).toBe(1)
})
