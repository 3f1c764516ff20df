import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const WAIT_MS = 20_000
const CONSUMER = { minBytes: 100_000, maxWaitTimeInMs: WAIT_MS, sessionTimeout: 30_000 }

test.each([
  ['is there already', true],
  ['comes when the pool waits for it', false],
])('under a large minBytes a first message that %s does not wait for maxWaitTimeInMs', async (_, isThere) => {
  const topic = await createTopic({ partitions: 2 })
  if (isThere) await produce(topic, [{ partition: 0, value: 'first' }])
  const { pool } = await startPool({ topics: [topic], handler: newRecord().handler, workers: 1, consumer: CONSUMER })
  const beganMs = performance.now()
  if (!isThere) await produce(topic, [{ partition: 0, value: 'first' }])
  await until(() => pool.status().totals.finished === 1, { what: 'the first message' })
  expect(performance.now() - beganMs).toBeLessThan(WAIT_MS / 2)
})
