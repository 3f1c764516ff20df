import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 4
const BUSY_MS = 20_000
/** A rebalance that waits for a seat waits for as long as the handler takes. */
const PATIENT = { rebalanceTimeout: 60_000 }
/** What the seats of a pool that stops wait for each other, and a rebalance for a busy handler. */
const RELEASE_MS = 3_000

const untilInFlight = (pool: Awaited<ReturnType<typeof startPool>>) =>
  until(() => pool.status().totals.inFlight === 1, { what: 'the handler to be busy' })

test('the slots that are done leave while one is busy, and others handle their partitions long before it comes back', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, drainTimeoutMs: 60_000, consumer: PATIENT }
  const leaving = await startPool({ ...options, workers: 3 })
  const staying = await startPool({ ...options, groupId: leaving.groupId, workers: 1 })
  await untilStable(leaving.groupId, 4)
  await until(() => staying.status().slots[0]?.assignment.length === 1, { what: 'each slot to have its share' })
  const busy = leaving.status().slots[0]?.assignment[0]?.partition ?? -1
  await produce(topic, [{ partition: busy, value: `sleep:${BUSY_MS}` }])
  await untilInFlight(leaving)

  const stoppedAtMs = performance.now()
  const stopping = leaving.pool.stop()
  await untilStable(leaving.groupId, 2)
  await produce(
    topic,
    [0, 1, 2, 3].filter((partition) => partition !== busy).map((partition) => ({ partition, value: 'plain' })),
  )
  const handled = () =>
    new Set(record.read().flatMap(({ partition, outcome }) => (outcome === 'finished' ? [partition] : [])))
  await until(() => handled().size >= 2, { what: 'partitions of the slots that were done to be handled' })
  const tookMs = performance.now() - stoppedAtMs
  expect(tookMs).toBeLessThan(BUSY_MS)
  expect(leaving.pool.status().state).toBe('stopping')
  await stopping
  await record.untilNothingIsLost(await producedIn(topic))
})

test('a pool that is alone in its group repeats nothing, however long its handlers take within drainTimeoutMs', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 4, drainTimeoutMs: 60_000, consumer: PATIENT }
  const first = await startPool(options)
  await produce(topic, [
    ...[3 * RELEASE_MS, 2 * RELEASE_MS, 10].map((ms, partition) => ({ partition, value: `sleep:${ms}` })),
    ...[0, 1, 2, 3].map((partition) => ({ partition, value: 'plain' })),
  ])
  const begun = () => new Set(record.read().map(({ partition }) => partition))
  await until(() => begun().has(0) && begun().has(1), { what: 'two handlers to be busy' })
  const { rebalances } = first.status().totals
  await first.pool.stop()
  expect(first.status().totals.rebalances).toBe(rebalances)
  expect(first.heard('pool:stopped')).toMatchObject([{ drained: true }])
  const offsets = await committed(first.groupId, topic)
  expect(offsets.get(0)).toBeGreaterThanOrEqual(1n)
  expect(offsets.get(1)).toBeGreaterThanOrEqual(1n)

  const second = await startPool({ ...options, groupId: first.groupId })
  const verdict = await record.untilNothingIsLost(await producedIn(topic))
  expect(verdict).toMatchObject({ lost: [], repeated: [], startedTwice: [] })
  await second.pool.stop()
})

test('a pool that joins while another one drains does not wait for its busy handler', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 2, drainTimeoutMs: 60_000, consumer: PATIENT }
  const leaving = await startPool(options)
  await produce(topic, [{ partition: 0, value: `sleep:${BUSY_MS}` }])
  await untilInFlight(leaving)
  const stopping = leaving.pool.stop()
  const joinedAfter = performance.now()
  const joining = await startPool({ ...options, groupId: leaving.groupId })
  expect(performance.now() - joinedAfter).toBeLessThan(BUSY_MS - RELEASE_MS)
  expect(leaving.pool.status().state).toBe('stopping')
  await stopping
  await untilStable(leaving.groupId, 2)
  await record.untilNothingIsLost(await producedIn(topic))
  await joining.pool.stop()
})
