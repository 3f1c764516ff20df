import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, groupHistory, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, partitionNames, partitionsIn, startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6
/** Well over the time that a seat waits for its thread: a third of the session. */
const BLOCK_MS = 10_000

it('a newcomer has its partitions while handlers block; a message counts if its partition stays, else it is handled again', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler }
  const busy = await startPool({ ...options, workers: 2 })
  const slots = busy.status().slots.map(({ assignment }) => assignment.map(({ partition }) => partition))
  expect(slots).toEqual([
    [0, 2, 4],
    [1, 3, 5],
  ])
  // For a third member each gives up what it has last: 0 stays, and 5 goes.
  await produce(topic, [
    { partition: 0, value: `block:${BLOCK_MS}` },
    { partition: 5, value: `block-once:${BLOCK_MS}` },
  ])
  await until(() => busy.status().totals.inFlight === 2, { what: 'both handlers to block' })

  const newcomer = await startPool({ ...options, workers: 1, groupId: busy.groupId })
  const shared = await untilStable(busy.groupId, 3)
  expect(busy.status().totals.inFlight).toBe(2)
  expect(partitionsIn(shared)).toEqual(partitionNames(topic, PARTITIONS))
  await expectBrokerAgrees(shared, busy, newcomer)
  expect(newcomer.status().slots[0]?.assignment.map(({ partition }) => partition)).toEqual([4, 5])

  // Meanwhile the newcomer works on what it got.
  await produce(topic, [{ partition: 4, value: 'plain' }])
  await until(() => newcomer.status().totals.finished === 2, { what: 'the newcomer to work' })

  const produced = await producedIn(topic)
  const verdict = await record.untilNothingIsLost(produced)
  await until(() => busy.status().totals.inFlight + newcomer.status().totals.inFlight === 0, { what: 'all to end' })
  const finished = (partition: number) => record.read().filter((handling) => handling.partition === partition).length
  expect([finished(0), finished(5)]).toEqual([1, 2])
  expect(verdict).toMatchObject({ lost: [], unknown: [] })
  const committed = (partition: number) =>
    [busy, newcomer]
      .flatMap((pool) => pool.status().slots.flatMap(({ assignment }) => assignment))
      .find((held) => held.partition === partition)?.committed
  await until(() => committed(0) === '1' && committed(5) === '1', { what: 'both to be committed' })
  expect(busy.status().totals.restarts).toBe(0)
})

it('a handler that blocks for longer than the session causes no rebalance', async () => {
  const topic = await createTopic({ partitions: 2 })
  const record = newRecord()
  const consumer = { sessionTimeout: 3_000, heartbeatInterval: 300 }
  const pool = await startPool({ topics: [topic], handler: record.handler, workers: 2, consumer })
  const before = await untilStable(pool.groupId, 2)
  const history = await groupHistory(pool.groupId)
  await produce(topic, [
    { partition: 0, value: 'block:5000' },
    { partition: 0, value: 'plain' },
  ])
  await until(() => pool.status().totals.inFlight === 1, { what: 'the handler to block' })
  await produce(topic, [{ partition: 1, value: 'plain' }])

  const verdict = await record.untilNothingIsLost(await producedIn(topic))
  expect(verdict).toMatchObject({ lost: [], repeated: [], startedTwice: [], outOfOrder: [], overlapping: [] })
  expect(await untilStable(pool.groupId, 2)).toEqual(before)
  expect(await groupHistory(pool.groupId)).toEqual(history)
  expect(pool.status().totals).toMatchObject({ rebalances: 0, restarts: 0 })
})
