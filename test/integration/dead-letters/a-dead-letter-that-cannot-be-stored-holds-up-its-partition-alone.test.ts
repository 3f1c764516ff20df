import { randomBytes } from 'node:crypto'
import { ConfigResourceTypes } from 'kafkajs'
import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import type { ConsumerPoolOptions } from '#src/index.js'
import { adminClient, committed, produce } from '../../support/cluster/index.js'
import { recordsIn } from '../../support/cluster/raw-records.js'
import { collectLines } from '../../support/log-lines.js'
import { topicsFor, untilStored } from '../../support/pool/dead-letter-topics.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const RETRY = { attempts: 2, initialDelayMs: 10, maxDelayMs: 10 }

const start = async (topic: string, more: Partial<ConsumerPoolOptions> & { groupId?: string } = {}) => {
  const record = newRecord()
  const { logger, lines } = collectLines()
  const started = await startPool({
    ...{ topics: [topic], handler: record.handler, workers: 1, retry: RETRY, deadLetter: true, logger },
    ...more,
  })
  const of = (partition: number) =>
    record
      .read()
      .filter((handling) => handling.partition === partition)
      .map(({ offset, attempt, outcome }) => [offset, attempt, outcome])
  const partition = (number: number) => started.status().slots[0]?.assignment.find((each) => each.partition === number)
  return { record, lines, of, partition, ...started }
}

const plain = (partition: number, count: number) => Array.from({ length: count }, () => ({ partition, value: 'plain' }))

test('a topic that is missing: told at start, waited for over a crash, nothing committed past it, then everything goes on', async () => {
  const { topic, dead, create } = await topicsFor(2)
  await produce(topic, [
    { partition: 0, value: 'plain' },
    { partition: 0, value: 'throw' },
    ...plain(0, 2),
    ...plain(1, 20),
  ])
  const { heard, status, groupId, of, partition, lines } = await start(topic)
  expect(lines.map(({ msg }) => msg)).toContain(
    `dead letters of "${topic}" go to "${dead}", which is not there: the first one will hold its partition up until it is. Create it, nothing else does`,
  )
  await until(() => heard('partition:paused').length > 0, { what: 'the partition to wait' })
  expect(heard('partition:paused')).toMatchObject([
    {
      topic,
      partition: 0,
      reason: 'dead-letter',
      offset: '1',
      attempts: 2,
      error: { code: 'KCP_DEAD_LETTER_NOT_STORED' },
    },
  ])
  expect(status().state).toBe('degraded')
  expect(partition(0)).toMatchObject({
    finishedUpTo: '1',
    paused: {
      reason: 'dead-letter',
      offset: '1',
      error: { message: expect.stringContaining('kafka-topics.sh --create') },
    },
  })

  // A thread that dies meanwhile gets the message no more.
  await produce(topic, [{ partition: 1, value: 'exit-once' }, ...plain(1, 5)])
  await until(() => heard('slot:recovered').length === 1 && partition(1)?.finishedUpTo === '26', {
    what: 'the other one',
  })
  await until(async () => (await committed(groupId, topic)).get(1) === 26n, { what: 'its offset', everyMs: 100 })
  expect((await committed(groupId, topic)).get(0)).toBe(1n)
  const admin = await adminClient()
  expect(await admin.listTopics()).not.toContain(dead)

  await create()
  const [letter] = await untilStored(dead, 0, 1)
  expect(letter?.letter).toMatchObject({ topic, partition: '0', offset: '1', attempts: '2', reason: 'exhausted' })
  await until(async () => (await committed(groupId, topic)).get(0) === 4n, { what: 'the rest of it', everyMs: 100 })
  expect(of(0)).toEqual([
    [0, 1, 'finished'],
    [1, 1, 'failed'],
    [1, 2, 'failed'],
    [2, 1, 'finished'],
    [3, 1, 'finished'],
  ])
  await until(() => status().state === 'running', { what: 'the pool to be well' })
  expect(heard('partition:resumed')).toMatchObject([{ partition: 0, offset: '1' }])
  expect(heard('message:dead-lettered')).toHaveLength(1)
  expect(await recordsIn({ topic: dead, partition: 0 })).toHaveLength(1)
  expect(status().totals).toMatchObject({ failed: 1, deadLettered: 1, restarts: 1, lag: '0' })
})

test('a message that is too large for it waits until the topic takes it; what was added is let go before', async () => {
  const { topic, dead, create } = await topicsFor(1)
  await create({ 'max.message.bytes': '4000' })
  const large = `throw ${randomBytes(6_000).toString('base64')}` // compressed, too
  await produce(topic, [
    { value: `throw ${randomBytes(1_500).toString('hex')}` }, // above the limit with what is added
    { value: large },
    { value: 'plain' },
  ])
  const { pool, heard, of } = await start(topic)
  const [first] = await untilStored(dead, 0, 1)
  expect(first?.raw.value?.length).toBe(3_006)
  expect(first?.letter['error-message']).toBe('the message said: throw')
  await until(() => heard('partition:paused').length > 0, { what: 'the partition to wait' })
  expect(heard('partition:paused')[0]?.error.message).toMatch(
    /MESSAGE_TOO_LARGE .*Raise max.message.bytes of ".*\.dlq"/,
  )

  const admin = await adminClient()
  const configEntries = [{ name: 'max.message.bytes', value: '100000' }]
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: dead, configEntries }],
  })
  await until(() => pool.resume(topic, 0), { what: 'it to be tried again' })
  const [, second] = await untilStored(dead, 0, 2)
  expect(Buffer.from(second?.raw.value ?? []).toString()).toBe(large)
  await until(() => of(0).length === 5, { what: 'the message behind them' })
})

test('a pool that stops while one waits stops at once, and the next one does the message again', async () => {
  const { topic, dead, create } = await topicsFor(1)
  await produce(topic, [{ value: 'plain' }, { value: 'throw' }, { value: 'plain' }])
  const { pool, heard, groupId, lines } = await start(topic)
  await until(() => heard('partition:paused').length > 0, { what: 'the partition to wait' })
  await pool.stop()
  expect(lines.map(({ msg }) => msg)).toContain(
    `the dead letter of ${topic}-0@1 is not stored: its message is handled again at the next start`,
  )
  expect(heard('pool:stopped')).toMatchObject([{ drained: true }])
  expect(heard('pool:stopped')[0]?.afterMs).toBeLessThan(5_000)
  expect((await committed(groupId, topic)).get(0)).toBe(1n)

  await create()
  const next = await start(topic, { groupId })
  await untilStored(dead, 0, 1)
  await until(async () => (await committed(groupId, topic)).get(0) === 3n, { what: 'the rest', everyMs: 100 })
  expect(next.of(0)[0]).toEqual([1, 1, 'failed'])
  expect(await recordsIn({ topic: dead, partition: 0 })).toHaveLength(1)
})

test('dead letters of many partitions, by handlers side by side, keep the order of each and cost no other message', async () => {
  const { topic, dead, create } = await topicsFor(4)
  await create({}, 1)
  const values = ['reject', 'plain', 'throw', 'plain', 'final', 'sleep:5', 'plain']
  await produce(
    topic,
    [0, 1, 2, 3].flatMap((partition) =>
      Array.from({ length: 5 }, () => values)
        .flat()
        .map((value) => ({ partition, value })),
    ),
  )
  const { status, groupId } = await start(topic, { concurrency: 4 })
  await until(() => status().totals.finished === 4 * 35, { what: 'every message', deadlineMs: 60_000 })
  const letters = await untilStored(dead, 0, 60)
  for (const partition of [0, 1, 2, 3]) {
    const offsets = letters
      .filter(({ letter }) => letter.partition === String(partition))
      .map(({ letter }) => letter.offset)
    const bad = Array.from({ length: 5 }, (_, round) => [0, 2, 4].map((at) => String(7 * round + at))).flat()
    expect(offsets).toEqual(bad)
  }
  expect(status().totals).toMatchObject({ failed: 60, deadLettered: 60, lag: '0' })
  await until(async () => [...(await committed(groupId, topic)).values()].every((offset) => offset === 35n), {
    ...{ what: 'every offset', everyMs: 100 },
  })
})
