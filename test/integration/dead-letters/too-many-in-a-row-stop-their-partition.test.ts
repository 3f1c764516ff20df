import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, produce } from '../../support/cluster/index.js'
import { recordsIn } from '../../support/cluster/raw-records.js'
import { topicsFor, untilStored } from '../../support/pool/dead-letter-topics.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const RETRY = { attempts: 1, initialDelayMs: 10, maxDelayMs: 10 }

const start = async (values: readonly (readonly string[])[], resumeAfterMs?: number) => {
  const { topic, dead, create } = await topicsFor(values.length)
  await create()
  await produce(
    topic,
    values.flatMap((list, partition) => list.map((value) => ({ partition, value }))),
  )
  const record = newRecord()
  const deadLetter = { breaker: 3, resumeAfterMs }
  const started = await startPool({ topics: [topic], handler: record.handler, workers: 1, retry: RETRY, deadLetter })
  return { topic, dead, record, ...started }
}

test('the partition stands still at the next one, the others go on; resumed, it is tried once more and goes on', async () => {
  const mended = 'flaky:1' // fails at the first attempt, and no more
  const { topic, dead, record, pool, heard, status, groupId } = await start([
    ['throw', 'plain', 'throw', 'throw', 'throw', mended, 'plain', 'throw'],
    ['throw', 'throw', 'throw', 'plain'],
  ])
  await until(() => heard('partition:paused').length > 0, { what: 'the partition to stand still' })
  expect(heard('partition:paused')).toMatchObject([
    {
      ...{ topic, partition: 0, reason: 'breaker', offset: '5', retryInMs: null },
      error: { code: 'KCP_DEAD_LETTER_BREAKER', cause: { message: 'the message said: flaky, 1' } },
    },
  ])
  expect(status().state).toBe('degraded')
  await until(() => status().slots[0]?.assignment[1]?.finishedUpTo === '4', { what: 'the other partition' })
  expect((await untilStored(dead, 0, 4)).map(({ letter }) => letter.offset)).toEqual(['0', '2', '3', '4'])
  await until(async () => (await committed(groupId, topic)).get(0) === 5n, { what: 'what is before it', everyMs: 100 })

  expect(pool.resume(topic, 1)).toBe(false)
  expect(pool.resume('nowhere', 0)).toBe(false)
  expect(pool.resume(topic, 0)).toBe(true)
  await until(async () => (await committed(groupId, topic)).get(0) === 8n, { what: 'the rest', everyMs: 100 })
  expect((await recordsIn({ topic: dead, partition: 0 })).map(({ letter }) => letter.offset)).toEqual([
    '0',
    '2',
    '3',
    '4',
    '7',
  ])
  const attempts = record.read().filter(({ partition, offset }) => partition === 0 && offset === 5)
  expect(attempts.map(({ attempt, outcome }) => [attempt, outcome])).toEqual([
    [1, 'failed'],
    [2, 'finished'],
  ])
  await until(() => status().state === 'running', { what: 'the pool to be well' })
})

test('it goes on by itself after deadLetter.resumeAfterMs, and after a restart', async () => {
  const first = await start([Array.from({ length: 6 }, () => 'throw')], 1_000)
  await untilStored(first.dead, 0, 6)
  expect(first.heard('partition:paused')).toMatchObject([{ reason: 'breaker', offset: '3' }])

  const { topic, dead, groupId, pool, heard } = await start([Array.from({ length: 6 }, () => 'throw')])
  await until(() => heard('partition:paused').length > 0, { what: 'the partition to stand still' })
  await pool.stop()
  await startPool({
    topics: [topic],
    groupId,
    handler: newRecord().handler,
    workers: 1,
    retry: RETRY,
    deadLetter: true,
  })
  expect((await untilStored(dead, 0, 6)).map(({ letter }) => letter.offset)).toEqual(['0', '1', '2', '3', '4', '5'])
})
