import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { startPool, untilStable } from '../../support/pool/pool.js'
import { held } from '../../support/pool/rebalance.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6
const BUSY_MS = 15_000

test('others handle its idle partitions while its handler is busy, which is repeated by nobody, and nobody stops', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = {
    ...{ topics: [topic], handler: record.handler, workers: 1, drainTimeoutMs: 60_000 },
    assignors: ['cooperative-sticky' as const],
  }
  const leaving = await startPool(options)
  const staying = await startPool({ ...options, groupId: leaving.groupId })
  await untilStable(leaving.groupId, 2)
  await until(() => held(leaving).flat().length === 3 && held(staying).flat().length === 3, { what: 'even shares' })
  const kept = held(staying).flat()
  const [busy = -1, ...idle] = held(leaving).flat()
  await produce(topic, [{ partition: busy, value: `sleep:${BUSY_MS}` }])
  await until(() => leaving.pool.status().totals.inFlight === 1, { what: 'the handler to be busy' })

  const stopping = leaving.pool.stop()
  await until(() => held(staying).flat().length === PARTITIONS - 1, { what: 'the others to have what is idle' })
  expect(leaving.pool.status().state).toBe('stopping')
  expect(held(leaving).flat()).toEqual([busy])
  expect(held(staying).flat()).toEqual(expect.arrayContaining([...kept, ...idle]))
  await produce(
    topic,
    [0, 1, 2, 3, 4, 5].map((partition) => ({ partition, value: 'plain' })),
  )
  const handled = () =>
    new Set(record.read().flatMap(({ partition, outcome }) => (outcome === 'finished' ? [partition] : [])))
  await until(() => handled().size === PARTITIONS - 1, { what: 'all but the busy partition to be handled' })
  expect(leaving.pool.status().totals.inFlight).toBe(1)

  await stopping
  expect(leaving.heard('pool:stopped')).toMatchObject([{ drained: true }])
  const verdict = await record.untilNothingIsLost(await producedIn(topic))
  expect(verdict).toMatchObject({ lost: [], repeated: [], startedTwice: [], overlapping: [] })
  expect(staying.heard('group:revoking')).toEqual([])
  expect(staying.pool.status().totals.dropped).toBe(0)
})
