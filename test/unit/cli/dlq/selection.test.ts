import { describe, expect, test } from 'vitest'
import { kafkaFor } from '#src/cli/dlq/connection.js'
import { readLetter } from '#src/cli/dlq/letter.js'
import { readPartitions, readPositions } from '#src/cli/dlq/positions.js'
import { purgedOf } from '#src/cli/dlq/purge.js'
import { isWhole } from '#src/cli/dlq/replay.js'
import { rangesOf } from '#src/cli/dlq/scan.js'
import { isMeant, narrowed } from '#src/cli/dlq/selection.js'
import { Summary } from '#src/cli/dlq/summary.js'
import { UsageError } from '#src/cli/usage-error.js'
import { letterOf } from '#src/control/dead-letters/letter.js'
import type { Client } from '#src/kafka/client.js'
import type { TopicPartition } from '#src/kafka/metadata.js'

const message = { key: null, value: null, headers: [], timestamp: 1n }
const letter = (
  more: { topic?: string; name?: string; text?: string; reason?: 'exhausted' | 'non-retriable' } = {},
) => {
  const { topic = 'orders', name = 'TypeError', text = 'no', reason = 'exhausted' } = more
  const facts = { topic, partition: 3, offset: '17', groupId: 'g', attempts: 1, reason, error: { name, message: text } }
  return readLetter(letterOf(message, facts), { partition: 1, offset: 5n })
}

test('positions and partitions are read one by one, or between commas', () => {
  expect(readPositions('1:20, 0:3', readPositions('0:1', undefined))).toEqual([
    { partition: 0, offset: 1n },
    { partition: 1, offset: 20n },
    { partition: 0, offset: 3n },
  ])
  expect(readPartitions('1,2', [0])).toEqual([0, 1, 2])
  for (const wrong of ['', '1', '1:', ':1', 'a:1', '1:-1', '1:2:3', '1:2,']) {
    expect(() => readPositions(wrong, undefined)).toThrow('Expected <partition>:<offset>')
  }
  for (const wrong of ['', 'a', '-1', '1,'])
    expect(() => readPartitions(wrong, undefined)).toThrow('Expected the number')
})

describe('what is read of a partition', () => {
  const range = { partition: 1, from: 10n, to: 20n }
  test.each([
    [{}, 10n, 20n],
    [{ at: readPositions('1:12,1:15', undefined) }, 12n, 16n],
    [{ from: readPositions('1:15', undefined) }, 15n, 20n],
    [{ from: readPositions('1:5,0:15', undefined), upTo: readPositions('1:12', undefined) }, 10n, 12n],
    [{ upTo: readPositions('1:99', undefined) }, 10n, 20n],
  ])('%o', (flags, from, to) => expect(narrowed(range, flags)).toEqual({ partition: 1, from, to }))

  test('is nothing where another partition was named', () => {
    const { from, to } = narrowed(range, { at: readPositions('0:12', undefined) })
    expect(from < to).toBe(false)
  })
})

test('letters are chosen by what is said of them', () => {
  expect(isMeant(letter(), {})).toBe(true)
  expect(isMeant(letter(), { reason: ['exhausted'], source: ['orders'], error: 'TypeError: n' })).toBe(true)
  expect(isMeant(letter(), { reason: ['non-retriable'] })).toBe(false)
  expect(isMeant(letter(), { source: ['payments'] })).toBe(false)
  expect(isMeant(letter(), { error: 'RangeError' })).toBe(false)
  expect(isMeant(letter(), { at: [{ partition: 1, offset: 5n }] })).toBe(true)
  expect(isMeant(letter(), { at: [{ partition: 0, offset: 5n }] })).toBe(false)
})

describe('what is purged', () => {
  const ranges = [
    { partition: 0, from: 10n, to: 20n },
    { partition: 1, from: 5n, to: 5n },
  ]
  test('is everything that is there, or what is before a position', () => {
    expect(purgedOf(ranges, undefined)).toEqual([ranges[0]])
    expect(purgedOf(ranges, readPositions('0:12', undefined))).toEqual([{ partition: 0, from: 10n, to: 12n }])
    expect(purgedOf(ranges, readPositions('0:10,1:5', undefined))).toEqual([])
  })
  test('is never beyond the end, nor of a partition that is not there', () => {
    expect(() => purgedOf(ranges, readPositions('0:21', undefined))).toThrow(UsageError)
    expect(() => purgedOf(ranges, readPositions('2:1', undefined))).toThrow(UsageError)
  })
})

test('a summary counts by reason, topic and class, the most frequent first, and keeps a bounded number of kinds', () => {
  const summary = new Summary(2)
  for (let n = 0; n < 3; n++) summary.add(letter({ name: 'RangeError' }))
  summary.add(letter({ reason: 'non-retriable', name: 'evil\u001b[2J' }))
  summary.add(letter({ topic: 'third' }))
  summary.add(readLetter(message, { partition: 0, offset: 0n }))
  expect(summary.lines()).toEqual([
    '3  exhausted  orders  RangeError',
    '1  non-retriable  orders  evil\\x1b[2J',
    '1  of other kinds',
    '1  no dead letters (without kcp-dlq- headers)',
  ])
  expect([summary.total, summary.strangers]).toEqual([6, 1])
})

describe('the connection', () => {
  test('is that of the flags alone, where there is no file', () => {
    const kafka = kafkaFor({ topic: 't.dlq', brokers: ['a:1', 'b:2'], set: ['client.id=me'] }, null)
    expect(kafka).toMatchObject({ brokers: ['a:1', 'b:2'], clientId: 'me' })
    expect(kafkaFor({ topic: 't', set: ['bootstrap.servers=a:1'] }, null).brokers).toEqual(['a:1'])
    expect(() => kafkaFor({ topic: 't' }, null)).toThrow('--brokers is missing')
  })

  test('is that of the file, of the subscription whose dead letters go there, with the flags over it', () => {
    const subscription = (topic: string, broker: string) => ({
      ...{ topics: [topic], handler: './h.mjs', workers: 1, deadLetter: true },
      kafka: { brokers: [broker] },
    })
    const file = { consumer: { groupId: 'g' }, subscriptions: [subscription('a', 'a:1'), subscription('b', 'b:1')] }
    expect(kafkaFor({ topic: 'b.dlq' }, file).brokers).toEqual(['b:1'])
    expect(kafkaFor({ topic: 'other' }, file).brokers).toEqual(['a:1'])
    expect(kafkaFor({ topic: 'b.dlq', brokers: ['c:1'] }, file).brokers).toEqual(['c:1'])
  })
})

test('a replay that left something out in front of where it came to advises no purge up to there', () => {
  expect(isWhole({})).toBe(true)
  expect(isWhole({ partition: [0], upTo: readPositions('0:5', undefined) })).toBe(true)
  expect(isWhole({ from: readPositions('0:5', undefined) })).toBe(false)
  expect(isWhole({ reason: ['exhausted'] })).toBe(false)
})

test('where a partition begins and where it ends is told of the same one, though leaders move in between', async () => {
  const partitions = [0, 1].map((partition) => ({ partition, leader: 1 }))
  const client = {
    topics: async () => [{ topic: 'dlq', error: null, partitions }],
    listOffsets: async (asked: readonly TopicPartition[], at: 'earliest' | 'latest') => {
      const found = asked.map((each) => ({
        ...each,
        offset: BigInt(each.partition * 100 + (at === 'latest' ? 50 : 0)),
      }))
      return at === 'latest' ? found.reverse() : found
    },
  } as unknown as Client
  expect(await rangesOf(client, 'dlq')).toEqual([
    { partition: 0, from: 0n, to: 50n },
    { partition: 1, from: 100n, to: 150n },
  ])
})
