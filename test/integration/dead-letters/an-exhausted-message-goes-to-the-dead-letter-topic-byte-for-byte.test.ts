import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed } from '../../support/cluster/index.js'
import { produceRaw, rawOf, type TestMessage } from '../../support/cluster/raw-records.js'
import { topicsFor, untilStored } from '../../support/pool/dead-letter-topics.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const RETRY = { attempts: 3, initialDelayMs: 10, maxDelayMs: 20 }

const BINARY = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const NO_UTF8 = Uint8Array.from([0xff, 0xfe, 0x00, 0x80])
const TIMESTAMP = 1_600_000_000_123n

/** The handler looks at the first word of the value; these throw, whatever else is in them. */
const ODD: readonly TestMessage[] = [
  { key: null, value: 'throw' },
  { key: BINARY, value: Buffer.concat([Buffer.from('throw '), BINARY]), timestamp: TIMESTAMP },
  { key: '', value: 'throw', headers: [] },
  {
    key: 'k',
    value: 'throw',
    headers: [
      ['b', 'first'],
      ['10', 'a number as a name'],
      ['a', null],
      ['b', 'second'],
      ['__proto__', 'a name like any other'],
      ['', 'no name'],
      ['2', NO_UTF8],
      ['b', null],
      ['kcp-dlq-reason', 'from an earlier time'],
      ['kcp-dlq-unknown', 'of a later version'],
    ],
  },
]

test('key, value, timestamp and headers arrive as they were, with the reason beside them', async () => {
  const { topic, dead, create } = await topicsFor(2)
  await create()
  await produceRaw({ topic, partition: 1 }, [...ODD, { value: 'plain' }])
  const record = newRecord()
  const { pool, groupId, heard } = await startPool({
    ...{ topics: [topic], handler: record.handler, workers: 1, retry: RETRY },
    deadLetter: { topic: '{topic}.dlq' },
  })
  const stored = await untilStored(dead, 1, ODD.length)
  await until(() => record.read().some(({ outcome }) => outcome === 'finished'), { what: 'the message behind them' })

  for (const [index, message] of ODD.entries()) {
    const { key, value, headers } = rawOf(message)
    const found = stored[index]
    expect(found?.raw.key).toEqual(key)
    expect(found?.raw.value).toEqual(value)
    const own = headers.filter(([name]) => !Buffer.from(name).toString().startsWith('kcp-dlq-'))
    expect(found?.raw.headers.slice(0, own.length)).toEqual(own)
    expect(found?.headers.slice(own.length).map(([name]) => name)).toEqual(
      ['topic', 'partition', 'offset', 'timestamp', 'group', 'attempts', 'reason']
        .concat('error-class', 'error-message', 'error-stack')
        .map((name) => `kcp-dlq-${name}`),
    )
    expect(found?.letter).toMatchObject({
      ...{ topic, partition: '1', offset: String(index), group: groupId, attempts: '3', reason: 'exhausted' },
      ...{ 'error-class': 'Error', 'error-message': 'the message said: throw' },
      'error-stack': expect.stringMatching(/^Error: the message said: throw\n {4}at /),
    })
  }
  expect(stored[1]?.raw.timestamp).toBe(TIMESTAMP)
  expect(stored[1]?.letter.timestamp).toBe(String(TIMESTAMP))

  expect(heard('message:dead-lettered')).toMatchObject(
    ODD.map((_, offset) => ({
      ...{ topic, partition: 1, offset: String(offset), attempt: 3, reason: 'exhausted' },
      error: { message: 'the message said: throw' },
      deadLetter: { topic: dead, partition: 1, offset: String(offset) },
    })),
  )
  expect(pool.status()).toMatchObject({
    state: 'running',
    totals: { finished: ODD.length + 1, failed: ODD.length, deadLettered: ODD.length, lag: '0' },
  })
  await until(async () => (await committed(groupId, topic)).get(1) === BigInt(ODD.length + 1), {
    what: 'the offset behind them to be committed',
  })
  // In the partition's order, and each once.
  expect(record.read().map(({ offset, attempt }) => [offset, attempt])).toEqual([
    ...ODD.flatMap((_, offset) => [1, 2, 3].map((attempt) => [offset, attempt])),
    [ODD.length, 1],
  ])
})

test('a NonRetriableError goes there after the first attempt', async () => {
  const { topic, dead, create } = await topicsFor(1)
  await create()
  await produceRaw({ topic, partition: 0 }, [{ value: 'final' }, { value: 'plain' }])
  const record = newRecord()
  await startPool({
    ...{ topics: [topic], handler: record.handler, workers: 1, retry: RETRY, deadLetter: true },
  })
  const [letter] = await untilStored(dead, 0, 1)
  expect(letter?.letter).toMatchObject({ attempts: '1', reason: 'non-retriable', 'error-class': 'NonRetriableError' })
  await until(() => record.read().length === 2, { what: 'the message behind it' })
})

test('a tombstone stays one, and nothing that the handler assigned to a message goes with it', async () => {
  const { topic, dead, create } = await topicsFor(1)
  await create()
  const messages: TestMessage[] = [
    { key: 'k', value: null },
    { key: null, value: null, headers: [['h', null]] },
  ]
  await produceRaw({ topic, partition: 0 }, messages)
  const handler = new URL('../../support/handlers/refuse.mjs', import.meta.url)
  const { pool } = await startPool({ topics: [topic], handler, workers: 1, retry: RETRY, deadLetter: true })
  const stored = await untilStored(dead, 0, 2)
  for (const [index, message] of messages.entries()) {
    const { key, headers } = rawOf(message)
    expect(stored[index]?.raw).toMatchObject({ key, value: null })
    expect(stored[index]?.raw.headers.slice(0, headers.length)).toEqual(headers)
    expect(stored[index]?.letter).toMatchObject({ 'error-class': 'RangeError', 'error-message': `refused at ${index}` })
  }
  await until(() => pool.status().totals.finished === 2, { what: 'both to count as finished' })
})
