import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { adminClient, brokers, committed, createTopic, produce, uniqueName } from '../../support/cluster/index.js'
import { rawClient } from '../../support/cluster/raw-client.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord, type TestRecord } from '../../support/pool/record.js'

const fill = (topic: string, count: number) =>
  produce(
    topic,
    Array.from({ length: count }, () => ({ partition: 0, value: 'plain' })),
  )

/** What a group has committed before anybody is a member. */
const commit = async (groupId: string, topic: string, offset: bigint): Promise<void> => {
  const client = await rawClient(brokers())
  const nobody = { groupId, generation: -1, memberId: '', instanceId: null }
  const node = await client.findCoordinator(groupId)
  expect(await client.commitOffsets(node, nobody, [{ topic, partition: 0, offset }])).toEqual([])
}

const handled = (record: TestRecord): number[] => record.read().map(({ offset }) => offset)

const span = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n)

test('a group that begins at the end commits where that was, so that what comes before its next start is not skipped', async () => {
  const topic = await createTopic({ partitions: 2 })
  await fill(topic, 5)
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 1, fromBeginning: false }
  const first = await startPool(options)
  await until(async () => (await committed(first.groupId, topic)).size === 2, { what: 'the first positions' })
  await first.pool.stop()
  expect([...(await committed(first.groupId, topic))]).toEqual([
    [0, 5n],
    [1, 0n],
  ])
  await fill(topic, 3)
  await startPool({ ...options, groupId: first.groupId })
  await until(() => handled(record).length === 3, { what: 'what came in between' })
  expect(handled(record)).toEqual([5, 6, 7])
})

test('a group that begins at the beginning handles everything that is there', async () => {
  const topic = await createTopic({ partitions: 2 })
  await fill(topic, 5)
  const record = newRecord()
  await startPool({ topics: [topic], handler: record.handler, workers: 1, fromBeginning: true })
  await until(() => handled(record).length === 5, { what: 'everything' })
  expect(handled(record)).toEqual(span(0, 5))
})

test.each([
  ['before the first', '3', true, '10', span(10, 20)],
  ['before the first', '3', false, '20', []],
  ['after the last', '1000', true, '10', span(10, 20)],
  ['after the last', '1000', false, '20', []],
])('a committed offset %s one that is there (%s, fromBeginning: %s) is reset to %s, loudly', async (_, from, fromBeginning, to, expected) => {
  const topic = await createTopic({ partitions: 1 })
  await fill(topic, 20)
  const admin = await adminClient()
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '10' }] })
  const groupId = uniqueName('group')
  await commit(groupId, topic, BigInt(from))
  const record = newRecord()
  const { pool, heard } = await startPool({
    ...{ groupId, topics: [topic], handler: record.handler },
    ...{ workers: 1, fromBeginning },
  })
  await until(() => heard('offset:reset').length > 0, { what: 'the reset' })
  expect(heard('offset:reset')).toMatchObject([{ topic, partition: 0, slot: 0, from, to }])
  await fill(topic, 1)
  await until(() => handled(record).includes(20), { what: 'the newest message' })
  expect(handled(record)).toEqual([...expected, 20])
  await pool.stop()
  expect(await committed(groupId, topic)).toEqual(new Map([[0, 21n]]))
})
