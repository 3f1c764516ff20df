import { expect, onTestFinished, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, kafkaClient, produce, uniqueName } from '../../support/cluster/index.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

/** Offsets 0-1 and 6-7 are of transactions that were committed, 3-4 and 9-10 of aborted ones; 2, 5, 8, 11 are markers. */
const COMMITTED = [0, 1, 6, 7]
const ABORTED = [3, 4, 9, 10]
const END = 12n

const fill = async (topic: string): Promise<void> => {
  const producer = kafkaClient().producer({
    transactionalId: uniqueName('tx'),
    maxInFlightRequests: 1,
    idempotent: true,
  })
  onTestFinished(() => producer.disconnect())
  await producer.connect()
  for (const end of ['commit', 'abort', 'commit', 'abort'] as const) {
    const transaction = await producer.transaction()
    for (const value of ['plain', 'plain']) await transaction.send({ topic, messages: [{ partition: 0, value }] })
    await transaction[end]()
  }
}

test.each([
  [false, COMMITTED],
  [true, [...COMMITTED, ...ABORTED].sort((a, b) => a - b)],
])('with readUncommitted %s the offsets %s are handled, and the group comes to the end of the log', async (readUncommitted, expected) => {
  const topic = await createTopic({ partitions: 1 })
  await fill(topic)
  const record = newRecord()
  const { pool, groupId } = await startPool({
    ...{ topics: [topic], handler: record.handler, workers: 1 },
    consumer: { readUncommitted },
  })
  await until(async () => (await committed(groupId, topic)).get(0) === END, { what: 'the end', everyMs: 100 })
  expect(record.read().map(({ offset }) => offset)).toEqual(expected)
  const held = () => pool.status().slots[0]?.assignment
  await until(() => held()?.[0]?.committed === `${END}`, { what: 'the pool to hear of it' })
  expect(held()).toMatchObject([{ finishedUpTo: `${END}`, position: `${END}`, lag: '0', committed: `${END}` }])
  expect(pool.status().totals).toMatchObject({ finished: expected.length, lag: '0' })
})

test('what an open transaction has written waits for its end, and is neither lag nor a stall until then', async () => {
  const topic = await createTopic({ partitions: 2 })
  const producer = kafkaClient().producer({
    transactionalId: uniqueName('tx'),
    maxInFlightRequests: 1,
    idempotent: true,
  })
  onTestFinished(() => producer.disconnect())
  await producer.connect()
  const record = newRecord()
  const hasty = newRecord()
  const { pool, heard } = await startPool({
    ...{ topics: [topic], handler: record.handler, workers: 1 },
    consumer: { sessionTimeout: 1_000, heartbeatInterval: 300 },
  })
  await startPool({ topics: [topic], handler: hasty.handler, workers: 1, consumer: { readUncommitted: true } })
  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: [{ partition: 0, value: 'plain' }] })
  await until(() => hasty.read().length === 1, { what: 'somebody to have read it' })
  // One Fetch asks for both partitions, so what it brought of one says that it has answered for the other.
  await produce(topic, [{ partition: 1, value: 'plain' }])
  await until(() => record.read().length === 1, { what: 'the message of the other partition' })
  expect(record.read()).toMatchObject([{ partition: 1 }])
  expect(pool.status().slots[0]?.assignment).toMatchObject([{ partition: 0, lag: '0' }, { partition: 1 }])
  // For longer than the two sessions after which messages that wait are a stall.
  const untilMs = performance.now() + 4_000
  await until(() => performance.now() > untilMs || heard('slot:stalled').length > 0, { what: 'two sessions' })
  expect(heard('slot:stalled')).toEqual([])
  expect(pool.status()).toMatchObject({ state: 'running', slots: [{ incarnation: 1, stalled: false }] })
  await transaction.commit()
  await until(() => record.read().length === 2, { what: 'the message' })
  await until(() => pool.status().totals.lag === '0', { what: 'the marker to be passed over' })
})
