import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { ask, post } from '../../support/admin/ask.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { collectLines } from '../../support/log-lines.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

test('a partition that stands still goes on when that is ordered, and its slot is recycled', async () => {
  const topic = await createTopic({ partitions: 1 })
  await produce(topic, [{ partition: 0, value: 'flaky:2' }])
  const { pool, status, heard } = await startPool({
    ...{ topics: [topic], handler: newRecord().handler, workers: 1, admin: { port: 0 } },
    retry: { attempts: 2, initialDelayMs: 10, initialPauseMs: 600_000, maxPauseMs: 600_000 },
  })
  const url = (path: string) => `${pool.adminAddress}${path}`
  await until(() => heard('partition:paused').length === 1, { what: 'the partition to stand still' })
  expect(await ask(url('/readyz'))).toMatchObject({
    status: 503,
    json: { reasons: [expect.stringContaining(`${topic}-0 stands still at offset 0 (exhausted)`)] },
  })
  expect(await post(url('/resume'), { topic, partition: 1 })).toMatchObject({ status: 409, json: { done: false } })
  expect(await post(url('/resume'), { topic, partition: 0 })).toMatchObject({ status: 200, json: { done: true } })
  await until(() => status().totals.finished === 1, { what: 'the message' })
  await until(async () => (await ask(url('/readyz'))).status === 200, { what: 'the pool to be ready' })

  expect(await post(url('/recycle'), { slot: 1 })).toMatchObject({ status: 409, json: { done: false } })
  expect(await post(url('/recycle'), { slot: 0 })).toMatchObject({ status: 200, json: { done: true } })
  await until(() => heard('slot:recycled').length === 1, { what: 'the thread to be replaced' })
})

test('another level of the log holds for threads that run, and for those that come after them', async () => {
  const topic = await createTopic({ partitions: 1 })
  const { logger, lines } = collectLines('debug')
  logger.level = 'warn'
  const handler = new URL('../../support/handlers/log.mjs', import.meta.url)
  const { pool, heard } = await startPool({ topics: [topic], handler, workers: 1, logger, admin: { port: 0 } })
  const count = (text: string) => lines.filter(({ msg }) => msg === text).length
  const handle = async (loud: number) => {
    await produce(topic, [{ partition: 0, value: 'v' }])
    await until(() => count('loud') === loud, { what: 'the line of the handler' })
  }
  await handle(1)
  const order = (path: string, body: unknown) => post(`${pool.adminAddress}${path}`, body)
  expect(await order('/log-level', { level: 'info' })).toMatchObject({ status: 200, json: { level: 'info' } })
  await handle(2)
  await order('/recycle', { slot: 0 })
  await until(() => heard('slot:recycled').length === 1, { what: 'the thread to be replaced' })
  await handle(3)
  expect(count('quiet')).toBe(2)
  await order('/log-level', { level: 'error' })
  await produce(topic, [{ partition: 0, value: 'v' }])
  await until(() => pool.status().totals.finished === 4, { what: 'the last message' })
  await pool.stop()
  expect([count('quiet'), count('loud')]).toEqual([2, 3])
})
