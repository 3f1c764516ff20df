import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import {
  createPool,
  expectBrokerAgrees,
  partitionNames,
  partitionsIn,
  startPool,
  untilStable,
} from '../../support/pool/pool.js'
import { held, untilBusy } from '../../support/pool/rebalance.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6
/** Less than what a rebalance waits for a handler. */
const BUSY_MS = 1_500

it('a process gives up what moves after the handlers in flight there, keeps the rest, and costs no message', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = {
    ...{ topics: [topic], handler: record.handler, workers: 1, isolation: 'process' as const },
    assignors: ['cooperative-sticky' as const],
  }
  const first = await startPool(options)
  await until(() => held(first).flat().length === PARTITIONS, { what: 'the first process to have all' })
  const traffic = await startTraffic(topic, { partitions: PARTITIONS, value: 'block:1' })
  // Wherever it stands when half of the partitions move, a handler is in flight.
  await produce(
    topic,
    [0, 1, 2, 3, 4, 5].map((partition) => ({ partition, value: `block:${BUSY_MS}` })),
  )
  await untilBusy(record)

  const second = createPool({ ...options, groupId: first.groupId })
  await second.pool.start()
  await until(() => held(second).flat().length === PARTITIONS / 2 && held(first).flat().length === PARTITIONS / 2, {
    what: 'each process to have half',
    deadlineMs: 30_000,
  })
  const shared = await untilStable(first.groupId, 2)
  expect(partitionsIn(shared)).toEqual(partitionNames(topic, PARTITIONS))
  expectBrokerAgrees(shared, first, second)
  const given = first.heard('group:revoking').flatMap(({ partitions }) => partitions.map(({ partition }) => partition))
  expect(given.toSorted()).toEqual(held(second).flat().toSorted())
  expect(first.pool.status().slots.map(({ incarnation, dropped }) => ({ incarnation, dropped }))).toEqual([
    { incarnation: 1, dropped: 0 },
  ])

  await second.pool.stop()
  await until(() => held(first).flat().length === PARTITIONS, { what: 'the first process to have all again' })
  const verdict = await record.untilNothingIsLost(await traffic.stop())
  expect(verdict).toMatchObject({ lost: [], repeated: [], startedTwice: [], outOfOrder: [], overlapping: [] })
})
