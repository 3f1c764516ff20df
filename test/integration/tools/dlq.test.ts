import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { ConfigResourceTypes } from 'kafkajs'
import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { adminClient, brokers, createTopic, produce } from '../../support/cluster/index.js'
import { produceRaw, rawOf, recordsIn, type TestMessage } from '../../support/cluster/raw-records.js'
import { BIN } from '../../support/pool/command.js'
import { topicsFor } from '../../support/pool/dead-letter-topics.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

/** Runs `kafka-consumer-pool dlq …` as a user does. */
const dlq = (command: string, topic: string, ...more: readonly string[]) => {
  const args = [BIN, 'dlq', command, '--topic', topic, '--brokers', brokers().join(','), ...more]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { maxBuffer: 2 ** 28 })
  return { status, bytes: stdout, text: stdout.toString(), error: stderr.toString() }
}

const BINARY = Uint8Array.from({ length: 256 }, (_, byte) => byte)

const MESSAGES: readonly TestMessage[] = [
  {
    key: 'k',
    value: 'throw',
    timestamp: 1_700_000_000_000n,
    headers: [
      ['a', null],
      ['a', '1'],
      ['7', BINARY],
    ],
  },
  { key: BINARY, value: Buffer.concat([Buffer.from('final '), BINARY]) },
  { key: null, value: 'final', headers: [] },
]

/** A topic, its dead letters by a pool that has stopped, and the record of its handlers. */
const withLetters = async () => {
  const { topic, dead, create } = await topicsFor(2)
  await create({ 'message.timestamp.type': 'LogAppendTime' })
  await produceRaw({ topic, partition: 1 }, MESSAGES)
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 1, deadLetter: true }
  const retry = { attempts: 2, initialDelayMs: 10, maxDelayMs: 10 }
  const { pool } = await startPool({ ...options, retry })
  await until(() => pool.status().totals.deadLettered === MESSAGES.length, { what: 'the dead letters' })
  await pool.stop()
  return { topic, dead }
}

test('dead letters are listed with their reasons and counts, shown with all that is in them, replayed as they were, and purged', async () => {
  const { topic, dead } = await withLetters()

  const list = dlq('list', dead)
  expect(list).toMatchObject({ status: 0, error: '' })
  expect(list.text).toMatch(/^AT +MESSAGE OF +FROM +TRIES +REASON +ERROR\n/)
  expect(list.text).toMatch(new RegExp(`^1:0 +\\S+Z +${topic}-1@0 +2 +exhausted +Error: the message said: throw$`, 'm'))
  expect(list.text).toMatch(new RegExp(`^1:2 +\\S+Z +${topic}-1@2 +1 +non-retriable +NonRetriableError: `, 'm'))
  expect(list.text).toContain(
    `3 records in ${dead}\n  2  non-retriable  ${topic}  NonRetriableError\n  1  exhausted  ${topic}  Error\n`,
  )
  const json = dlq('list', dead, '--reason', 'exhausted', '--json')
  expect(JSON.parse(json.text)).toMatchObject({
    ...{ partition: 1, offset: '0', source: { topic, partition: 1, offset: '0' }, keyBytes: 1, valueBytes: 5 },
    ...{ reason: 'exhausted', attempts: '2', replayed: 0, 'error-message': 'the message said: throw' },
  })
  expect(dlq('list', dead, '--limit', '1').text).toContain('… and 2 more (--limit shows more, --json all)')
  expect(dlq('list', dead, '--error', 'nobody throws that').text).toBe(`\n0 records in ${dead}\n`)

  const shown = dlq('show', dead, '--at', '1:0')
  expect(shown.status).toBe(0)
  expect(shown.text).toMatch(
    /^at 1:0, timestamp \d+, key 1 bytes, value 5 bytes, 13 headers\n {2}a: null\n {2}a: 1\n {2}7: 0x0001/,
  )
  expect(shown.text).toContain('  kcp-dlq-timestamp: 1700000000000\n')
  expect(shown.text).toMatch(/kcp-dlq-error-stack:\n {4}Error: the message said: throw\n {8}at /)
  expect(shown.text).toContain('--- key\nk\n--- value\nthrow\n')
  expect(dlq('show', dead, '--at', '1:1').text).toMatch(/--- key\n00000000 {2}00 01 02 /)
  const value = rawOf(MESSAGES[1] as TestMessage).value
  expect(new Uint8Array(dlq('show', dead, '--at', '1:1', '--value').bytes)).toEqual(value)
  expect(dlq('show', dead, '--at', '1:9')).toMatchObject({
    status: 1,
    error: expect.stringContaining('nothing at 1:9'),
  })

  const dry = dlq('replay', dead, '--reason', 'non-retriable')
  expect(dry.text).toBe(`would replay 2 messages to ${topic}\nnothing was written: --execute does it\n`)
  expect(await recordsIn({ topic, partition: 1 })).toHaveLength(3)
  const done = dlq('replay', dead, '--execute')
  expect(done).toMatchObject({ status: 0, error: '' })
  expect(done.text).toBe(
    `replayed 3 messages to ${topic}\nthey are in ${dead} still; to delete them: dlq purge --topic ${dead} --up-to 1:3\n`,
  )
  const again = (await recordsIn({ topic, partition: 1 })).slice(3)
  expect(again.map(({ raw }) => ({ ...raw, headers: raw.headers.slice(0, -1) }))).toEqual(
    (await recordsIn({ topic, partition: 1 })).slice(0, 3).map(({ raw }) => raw),
  )
  expect(again.map(({ headers }) => headers.at(-1))).toEqual(again.map(() => ['kcp-replayed', '1']))

  const wouldPurge = dlq('purge', dead, '--up-to', '1:2')
  expect(wouldPurge.text).toMatch(/^partition 1: offsets 0 to 1\n/)
  expect(wouldPurge.text).toContain(`would delete 2 records of ${dead}; nothing was deleted: --execute does it\n`)
  expect(await recordsIn({ topic: dead, partition: 1 })).toHaveLength(3)
  expect(dlq('purge', dead, '--up-to', '1:2', '--execute').text).toContain(`deleted 2 records of ${dead}\n`)
  expect((await recordsIn({ topic: dead, partition: 1 })).map(({ offset }) => offset)).toEqual(['2'])
  expect(dlq('purge', dead, '--all', '--execute').status).toBe(0)
  expect(await recordsIn({ topic: dead, partition: 1 })).toEqual([])
  expect(dlq('list', dead).text).toBe(`\n0 records in ${dead}\n`)
})

test('a message that is there twice is replayed once; one that failed again counts on', async () => {
  const { topic, dead } = await withLetters()
  const [first] = await recordsIn({ topic: dead, partition: 1 })
  if (first === undefined) throw new Error('no dead letter')
  const headers = first.raw.headers.map(([name, value]) => [Buffer.from(name).toString(), value] as const)
  await produceRaw({ topic: dead, partition: 0 }, [{ ...first.raw, headers }, { value: 'no dead letter' }])
  const replayed = dlq('replay', dead, '--source', topic, '--execute')
  expect(replayed.text).toContain(
    `replayed 3 messages to ${topic}\n1 dead letter more of the same messages passed over\n`,
  )

  const record = newRecord()
  const retry = { attempts: 1, initialDelayMs: 10, maxDelayMs: 10 }
  const { pool } = await startPool({ topics: [topic], handler: record.handler, workers: 1, retry, deadLetter: true })
  await until(() => pool.status().totals.deadLettered === 6, { what: 'all of them to fail once more' })
  await pool.stop()
  expect(dlq('list', dead, '--limit', '99').text).toMatch(/replayed 1×/)
  const to = await createTopic({ partitions: 1, name: 'elsewhere' })
  expect(dlq('replay', dead, '--to', to, '--reason', 'exhausted', '--execute').text).toContain(
    `replayed 2 messages to ${to}\n`,
  )
  const last = (await recordsIn({ topic: to, partition: 0 })).map(({ headers: of }) => of.at(-1))
  expect(last.sort()).toEqual([
    ['kcp-replayed', '1'],
    ['kcp-replayed', '2'],
  ])
})

test('what makes no sense, or would do harm, is refused with what to do', async () => {
  const topic = await createTopic({ partitions: 1 })
  await produce(topic, [{ value: 'a message like any other' }])
  const refused = (result: ReturnType<typeof dlq>, why: string) => {
    expect(result.status).toBe(1)
    expect(result.error).toContain(why)
  }
  refused(dlq('list', `${topic}.nowhere`), `there is no topic \\"${topic}.nowhere\\"`)
  refused(dlq('list', topic, '--partition', '3'), 'has no partition 3')
  refused(dlq('purge', topic), '--up-to <partition>:<offset>, or --all')
  refused(
    dlq('purge', topic, '--all', '--execute'),
    'are no dead letters. Is it the right topic? --force deletes them, too',
  )
  refused(dlq('purge', topic, '--up-to', '0:5'), 'is beyond the end of that partition, 1')
  refused(dlq('replay', topic, '--set', 'nonsense=1'), 'nonsense')
  expect(await recordsIn({ topic, partition: 0 })).toHaveLength(1)
  expect(dlq('replay', topic).text).toBe(
    'would replay nothing\n1 record without kcp-dlq- headers passed over\nnothing was written: --execute does it\n',
  )
  expect(dlq('purge', topic, '--all', '--force', '--execute').status).toBe(0)
  expect(await recordsIn({ topic, partition: 0 })).toEqual([])
})

test('a few thousand are counted and replayed in their order', async () => {
  const { topic, dead, create } = await topicsFor(1)
  await create()
  const said = (offset: number) =>
    Object.entries({ topic, partition: '0', offset: String(offset), reason: 'exhausted', 'error-class': 'Error' }).map(
      ([name, value]) => [`kcp-dlq-${name}`, value] as const,
    )
  const letters = Array.from({ length: 3_000 }, (_, offset) => ({
    value: `v${offset}`,
    headers: Object.fromEntries(said(offset)),
  }))
  await produce(dead, letters)
  expect(dlq('list', dead).text).toContain(`3,000 records in ${dead}\n  3,000  exhausted  ${topic}  Error\n`)
  expect(dlq('list', dead, '--json').text.trim().split('\n')).toHaveLength(3_000)
  expect(dlq('replay', dead, '--execute').text).toContain(`replayed 3,000 messages to ${topic}\n`)
  const values = (await recordsIn({ topic, partition: 0 })).map(({ raw }) => Buffer.from(raw.value ?? []).toString())
  expect(values).toEqual(letters.map(({ value }) => value))
})

test('what a topic does not take at once is split; what it does not take at all is told of, and replayed when it does', async () => {
  const topic = await createTopic({ partitions: 1, config: { 'max.message.bytes': '20000' } })
  const dead = await createTopic({ partitions: 1 })
  const said = (offset: number) =>
    Object.entries({ topic, partition: '0', offset: String(offset), reason: 'exhausted' }).map(
      ([name, value]) => [`kcp-dlq-${name}`, value] as const,
    )
  const text = (offset: number, bytes: number): TestMessage => ({
    value: Buffer.from(randomBytes(bytes / 2).toString('hex')),
    headers: said(offset),
  })
  // Half of them take more than the topic does; the second one only uncompressed, the third one in any case.
  const letters = [text(0, 3_000), text(1, 30_000), text(2, 90_000), ...[3, 4, 5, 6].map((at) => text(at, 9_000))]
  await produceRaw({ topic: dead, partition: 0 }, letters)
  const valuesIn = async () =>
    (await recordsIn({ topic, partition: 0 })).map(({ raw }) => Buffer.from(raw.value ?? []).length)

  const done = dlq('replay', dead, '--execute')
  expect(done.status).toBe(1)
  expect(done.text).toBe(`replayed 6 messages to ${topic}\n`)
  expect(done.error).toMatch(
    /1 message not written: too large for .* Raise max\.message\.bytes of .* then: dlq replay --topic \S+ --at 0:2 --execute/,
  )
  expect(await valuesIn()).toEqual([3_000, 30_000, 9_000, 9_000, 9_000, 9_000])

  const admin = await adminClient()
  const configEntries = [{ name: 'max.message.bytes', value: '200000' }]
  const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries }]
  await admin.alterConfigs({ validateOnly: false, resources })
  const again = await until(
    () => {
      const result = dlq('replay', dead, '--at', '0:2', '--execute')
      return result.status === 0 && result
    },
    { what: 'the topic to take it', everyMs: 100 },
  )
  expect(again.text).toBe(`replayed 1 message to ${topic}\n`)
  expect(await valuesIn()).toEqual([3_000, 30_000, 9_000, 9_000, 9_000, 9_000, 90_000])
})
