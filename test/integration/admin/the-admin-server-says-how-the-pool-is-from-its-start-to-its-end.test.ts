import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { ask } from '../../support/admin/ask.js'
import { eventsIn, listenTo } from '../../support/admin/event-stream.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { createPool, startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

test('starting, running though a handler blocks, stopping, gone: probes and events say so', async () => {
  const topic = await createTopic({ partitions: 1 })
  await produce(topic, [{ partition: 0, value: 'block:4000' }])
  const { pool, status, groupId } = createPool({
    ...{ topics: [topic], handler: newRecord().handler, workers: 1, admin: { port: 0 } },
  })
  expect(pool.adminAddress).toBeNull()
  const starting = pool.start()
  const address = await until(() => pool.adminAddress, { what: 'the server to listen', everyMs: 1 })
  const probe = (path: string) => ask(`${address}${path}`)
  const reasons = ['the pool is starting']
  expect(await probe('/readyz')).toMatchObject({ status: 503, json: { ok: false, state: 'starting', reasons } })
  expect(await probe('/livez')).toMatchObject({ status: 200, json: { state: 'starting' } })
  const heard = await listenTo(`${address}/events`)
  await starting

  await until(() => status().totals.inFlight === 1, { what: 'the handler to block' })
  expect(await probe('/readyz')).toMatchObject({ status: 200, json: { ok: true, state: 'running', reasons: [] } })
  expect((await probe('/livez')).status).toBe(200)
  expect((await probe('/status')).json).toMatchObject({
    state: 'running',
    totals: { inFlight: 1, finished: 0 },
    slots: [{ state: 'running', assignment: [{ topic, partition: 0, lag: '1' }] }],
  })
  const { body: metrics } = await probe('/metrics?partitions')
  expect(metrics).toContain('kafka_consumer_pool_state{state="running"} 1')
  expect(metrics).toContain(`kafka_consumer_pool_lag_messages{group="${groupId}",topic="${topic}"} 1`)
  expect(metrics).toContain(`kafka_consumer_pool_joins_total{group="${groupId}"}`)
  expect(metrics).toContain(
    `kafka_consumer_pool_partition_lag_messages{group="${groupId}",topic="${topic}",partition="0"} 1`,
  )

  const stopping = pool.stop()
  const unready = await until(() => probe('/readyz').then((said) => said.status === 503 && said), { what: 'the news' })
  expect(unready.json).toMatchObject({ ok: false, state: 'stopping' })
  expect(unready.json).toHaveProperty('reasons.0', 'the pool is stopping')
  expect((await probe('/livez')).status).toBe(200)
  await stopping
  await heard.ended
  const events = eventsIn(heard.text())
  expect(events.map(([name]) => name)).toEqual(expect.arrayContaining(['slot:ready', 'group:assigned', 'pool:stopped']))
  expect(events.at(-1)).toMatchObject(['pool:stopped', { drained: true }])
  expect(pool.adminAddress).toBeNull()
  await expect(probe('/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a pool in which messages wait and nothing moves is not ready, and is when it moves', async () => {
  const topic = await createTopic({ partitions: 1 })
  await produce(topic, [{ partition: 0, value: 'plain' }])
  const sessionTimeout = 3_000
  const { pool, status, heard } = createPool({
    ...{ topics: [topic], handler: newRecord().handler, workers: 1, isolation: 'process', admin: { port: 0 } },
    consumer: { sessionTimeout, heartbeatInterval: 300 },
  })
  await pool.start()
  const ready = () => ask(`${pool.adminAddress}/readyz`)
  await until(() => heard('offsets:committed').length > 0, { what: 'the first message to be committed' })
  expect((await ready()).status).toBe(200)
  const pid = status().slots[0]?.threadId ?? Number.NaN
  process.kill(pid, 'SIGSTOP')
  await produce(topic, [{ partition: 0, value: 'plain' }])
  await until(async () => (await ready()).status === 503, { what: 'the pool not to be ready' })
  expect((await ready()).json).toMatchObject({
    state: 'degraded',
    reasons: ['slot 0: messages wait and nothing moves'],
  })
  process.kill(pid, 'SIGCONT')
  await until(async () => (await ready()).status === 200, { what: 'the pool to be ready' })
})

test.each([
  'thread',
  'process',
] as const)('what threads count for metrics outlives each %s, and a slot', async (isolation) => {
  const topic = await createTopic({ partitions: 2 })
  const { pool, status, heard, groupId } = await startPool({
    ...{ topics: [topic], handler: newRecord().handler, workers: 2, isolation, admin: { port: 0 } },
  })
  const counted = async (name: string): Promise<number> => {
    const { body } = await ask(`${pool.adminAddress}/metrics`)
    const series = `kafka_consumer_pool_${name}{group="${groupId}"} `
    return Number(
      body
        .split('\n')
        .find((line) => line.startsWith(series))
        ?.slice(series.length),
    )
  }
  const handled = async (count: number) => {
    await until(async () => (await counted('handler_duration_seconds_count')) >= count, { what: `${count} handlers` })
    await until(async () => (await counted('message_age_seconds_count')) >= 1, { what: 'an age' })
  }
  for (const partition of [0, 1]) await produce(topic, [{ partition, value: 'block:60' }])
  await handled(2)
  expect(await counted('handler_duration_seconds_sum')).toBeGreaterThan(0.11)
  await produce(topic, [{ partition: 0, value: 'exit-once' }])
  await produce(topic, [{ partition: 0, value: 'plain' }])
  await handled(5) // the one that dies with its thread counts, too
  const before = await counted('handler_duration_seconds_count')
  await pool.scale(1)
  expect(status().slots).toHaveLength(1)
  expect(await counted('handler_duration_seconds_count')).toBeGreaterThanOrEqual(before)
  const { body } = await ask(`${pool.adminAddress}/metrics`)
  const of = `{group="${groupId}",slot="0"}`
  for (const name of ['thread_busy_seconds_total', 'fetched_bytes_total', 'lease_left_seconds']) {
    expect(body).toMatch(new RegExp(`^kafka_consumer_pool_${name}${of.replaceAll(/[{}]/g, '\\$&')} [0-9.]*[1-9]`, 'm'))
  }
  expect(body).toContain(`kafka_consumer_pool_buffered_bytes${of} `)
  expect(heard('offsets:committed').at(-1)?.tookMs).toBeGreaterThan(0)
})

test('a start that fails ends the server, too', async () => {
  const topic = await createTopic({ partitions: 1 })
  const handler = new URL('../../support/handlers/bad/throws.mjs', import.meta.url)
  const { pool } = createPool({ topics: [topic], handler, workers: 1, admin: { port: 0 } })
  await expect(pool.start()).rejects.toMatchObject({ code: 'KCP_HANDLER_THREW_ON_IMPORT' })
  expect(pool.adminAddress).toBeNull()
})
