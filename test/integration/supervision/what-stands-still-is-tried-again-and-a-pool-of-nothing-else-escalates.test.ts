import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, produce } from '../../support/cluster/index.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

/** Exhausted after two attempts, tried again after 1 s, 2 s, 4 s. */
const RETRY = { attempts: 2, initialDelayMs: 10, maxDelayMs: 10, initialPauseMs: 1_000, maxPauseMs: 4_000 }

const start = async (values: readonly (readonly string[])[]) => {
  const topic = await createTopic({ partitions: values.length })
  await produce(
    topic,
    values.flatMap((list, partition) => list.map((value) => ({ partition, value }))),
  )
  const record = newRecord()
  const started = await startPool({ topics: [topic], handler: record.handler, workers: 1, retry: RETRY })
  const attemptsAt = (partition: number) =>
    record
      .read()
      .filter((handling) => handling.partition === partition && handling.offset === 0)
      .map(({ attempt }) => attempt)
  const partition = (number: number) => {
    const found = started.status().slots[0]?.assignment.find((each) => each.partition === number)
    if (found === undefined) throw new Error(`partition ${number} is not held`)
    return found
  }
  return { topic, attemptsAt, partition, ...started }
}

test('a partition goes on by itself when the outage is over, its lag grows meanwhile, and nothing of it is lost', async () => {
  const { topic, groupId, attemptsAt, partition, status, heard } = await start([['flaky:4', 'plain'], ['plain']])
  await until(() => heard('partition:paused').length >= 2, { what: 'the first try to have failed' })
  expect(partition(0)).toMatchObject({ lag: '2', paused: { offset: '0' } })
  expect(status().state).toBe('degraded')
  expect(heard('partition:paused').slice(0, 2)).toMatchObject([
    { partition: 0, offset: '0', attempts: 2, retries: 0, error: { code: 'KCP_HANDLER_EXHAUSTED' } },
    { partition: 0, offset: '0', attempts: 3, retries: 1, error: { code: 'KCP_HANDLER_EXHAUSTED' } },
  ])
  await until(() => heard('partition:resumed').length === 1, { what: 'the partition to go on' })
  await until(async () => (await committed(groupId, topic)).get(0) === 2n, { what: 'the offset', everyMs: 100 })
  expect(attemptsAt(0)).toEqual([1, 2, 3, 4, 5])
  expect(heard('partition:resumed')).toMatchObject([{ topic, partition: 0, offset: '0' }])
  await until(() => status().state === 'running', { what: 'the pool to be well' })
  // One message was exhausted, once.
  expect(status().totals).toMatchObject({ failed: 1, retried: 3, restarts: 0, finished: 3 })
  expect(heard('pool:escalated')).toEqual([])
})

test('lag goes on being asked for while a partition stands still', async () => {
  const { topic, partition, heard } = await start([['throw'], ['plain']])
  await until(() => heard('partition:paused').length > 0, { what: 'the partition to stand still' })
  expect(partition(0).lag).toBe('1')
  await produce(
    topic,
    Array.from({ length: 5 }, () => ({ partition: 0, value: 'plain' })),
  )
  await until(() => partition(0).lag === '6', { what: 'the lag to grow' })
})

test('a pool of which every partition stands still escalates when trying again was of no use, and heals when one moves', async () => {
  const { pool, heard, status, attemptsAt } = await start([['flaky:4'], ['flaky:3']])
  const states: string[] = []
  pool.on('pool:escalated', () => states.push(status().state))
  await until(() => heard('pool:escalated').length === 1, { what: 'the pool to escalate' })
  expect(heard('pool:escalated')[0]?.error).toMatchObject({
    code: 'KCP_POOL_ESCALATED',
    message: expect.stringContaining('all its partitions stand still'),
  })
  // Each was tried again before.
  expect([attemptsAt(0), attemptsAt(1)].map((attempts) => attempts.slice(0, 3))).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ])
  expect(states).toEqual(['escalated'])
  await until(() => status().state === 'running', { what: 'the pool to be well' })
  expect(status().totals.finished).toBe(2)
  expect(heard('pool:escalated')).toHaveLength(1)
})
