import { expect, it } from 'vitest'
import { machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { startPoolProcess } from '../../support/pool/pool-process.js'
import { newRecord } from '../../support/pool/record.js'

const LIMIT_MS = 8_000

it('a process that is frozen for longer than a handler may take goes on with that handler when it wakes, whose signal has not aborted', async () => {
  const topic = await createTopic({ partitions: 1 })
  const record = newRecord()
  const pool = await startPoolProcess({
    ...{ topics: [topic], handler: record.handler, workers: 1, maxProcessingMs: LIMIT_MS },
    consumer: { sessionTimeout: 60_000 },
  })
  await produce(topic, [{ partition: 0, value: 'steps:200' }])
  await until(() => record.read().length === 1, { what: 'the message to be in flight' })
  pool.freeze()
  const frozenAtMs = machineMs()
  await until(() => machineMs() > frozenAtMs + 1.5 * LIMIT_MS, { what: 'the limit to be over' })
  pool.thaw()
  await until(() => record.read()[0]?.outcome === 'finished', { what: 'the message to be finished' })
  expect(record.read()).toHaveLength(1)
  expect((await pool.status()).slots).toMatchObject([{ restarts: 0, incarnation: 1 }])
})
