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

test('partitions are paused, moved and go on, and slots come and go', async () => {
  const topic = await createTopic({ partitions: 2 })
  const { logger, lines } = collectLines()
  const { pool, status } = await startPool({
    ...{ topics: [topic], handler: newRecord().handler, workers: 1, logger, admin: { port: 0 } },
  })
  const url = (path: string) => `${pool.adminAddress}${path}`
  const partition = (number: number) =>
    status()
      .slots.flatMap(({ assignment }) => assignment)
      .find((each) => each.partition === number)
  await produce(topic, [{ partition: 0, value: 'block:9000' }])
  await until(() => status().totals.inFlight === 1, { what: 'the handler to begin' })

  // A handler has not come back: nobody is kept waiting for it, and the log says when it has.
  const beganAt = performance.now()
  const pausing = await post(url('/pause'), { topic })
  expect(pausing).toMatchObject({ status: 202, json: { action: 'pause', topic, done: false } })
  expect(performance.now() - beganAt).toBeLessThan(8_000)
  await produce(topic, [{ partition: 1, value: 'plain' }])
  const said = (text: string) => lines.filter(({ msg }) => msg.startsWith(`admin: ${text}`)).length
  await until(() => said(`all of ${topic}: paused`) === 1, { what: 'the pause to be complete' })
  await until(() => partition(1)?.lag === '1', { what: 'the lag of what is paused' })
  const metrics = async () => (await ask(url('/metrics'))).body
  await until(async () => /_lag_messages\{.+\} 1\n/.test(await metrics()), { what: 'the lag in the metrics' })
  expect(await metrics()).toMatch(/_partitions_on_hold\{.+\} 2\n/)
  const onHold = [expect.stringMatching(`^${topic} 0, 1: paused by pool.pause\\(\\) for`)]
  expect(await ask(url('/readyz?verbose'))).toMatchObject({ status: 200, json: { ok: true, onHold } })

  expect(await post(url('/seek'), { topic, partition: 0, to: 'beginning' })).toMatchObject({
    status: 200,
    json: { done: true, says: expect.stringContaining('at offset 0') },
  })
  expect(partition(0)).toMatchObject({ committed: '0', finishedUpTo: '0' })
  expect(await post(url('/seek'), { topic, partition: 0, to: 99 })).toMatchObject({
    ...{ status: 409, json: { done: false, code: 'KCP_OFFSET_OUT_OF_RANGE', error: expect.stringContaining('99') } },
  })
  expect(await post(url('/pause'), { topic: 'no-such-topic' })).toMatchObject({
    ...{ status: 409, json: { code: 'KCP_NOT_SUBSCRIBED' } },
  })

  expect(await post(url('/resume'), { topic, partitions: [1] })).toMatchObject({ status: 200 })
  await until(() => status().totals.finished === 2, { what: 'the message of partition 1' })
  expect(await post(url('/seek'), { topic, partition: 0, to: 'end' })).toMatchObject({ status: 200 })
  expect(await post(url('/resume'), { topic })).toMatchObject({ status: 200 })
  expect(await post(url('/resume'), { topic })).toMatchObject({ status: 409, json: { done: false } })

  const scaled = await post(url('/scale'), { slots: 2 })
  expect([200, 202]).toContain(scaled.status)
  await until(() => status().subscriptions[0]?.slots === 2, { what: 'the second slot' })
  expect(await post(url('/scale'), { slots: 0 })).toMatchObject({ status: 409, json: { code: 'KCP_NOT_SCALED' } })
})
