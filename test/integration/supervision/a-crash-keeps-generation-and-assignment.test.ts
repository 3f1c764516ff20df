import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import {
  createTopic,
  describeGroup,
  describeGroupWithTool,
  groupHistory,
  produce,
} from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import {
  expectBrokerAgrees,
  partitionNames,
  partitionsIn,
  startPool,
  type TestPool,
  untilStable,
} from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6

/** Lets the thread of that slot die by an uncaught exception, and waits until it is replaced. */
const crash = async (pool: TestPool, topic: string, slot: number): Promise<void> => {
  const recovered = pool.heard('slot:recovered').length
  const partition = pool.status().slots[slot]?.assignment[0]?.partition ?? Number.NaN
  await produce(topic, [{ partition, value: 'uncaught-once' }])
  await until(() => pool.heard('slot:recovered').length > recovered, { what: `slot ${slot} to recover` })
}

it.each([
  ['dynamic', undefined],
  ['static', 'crash'],
])('the group is not told of a crash, of its leader neither: same generation, members, assignment (%s)', async (_, groupInstanceId) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const consumer = { groupInstanceId }
  const pool = await startPool({ topics: [topic], handler: record.handler, workers: 2, consumer })
  const before = await untilStable(pool.groupId, 2)
  const history = await groupHistory(pool.groupId)
  const clientIds = pool.status().slots.map(({ clientId }) => clientId)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS })

  const leader = pool.status().slots.findIndex(({ seat }) => seat.leader)
  expect(leader).toBeGreaterThanOrEqual(0)
  await crash(pool, topic, leader)
  await crash(pool, topic, 1 - leader)

  const verdict = await record.untilNothingIsLost(await traffic.stop(), { crashes: pool.crashes() })
  expect(await describeGroup(pool.groupId)).toEqual(before)
  expect(await groupHistory(pool.groupId)).toEqual(history)
  await expectBrokerAgrees(before, pool)
  const { slots, totals } = pool.status()
  expect(slots.map(({ incarnation, restarts }) => [incarnation, restarts])).toEqual([
    [2, 1],
    [2, 1],
  ])
  for (const { clientId } of slots) expect(clientIds).not.toContain(clientId)
  expect(totals.rebalances).toBe(0)
  expect(pool.heard('slot:recovered').map(({ by }) => by)).toEqual(['handover', 'handover'])
  expect(verdict).toMatchObject({ lost: [], unexcused: [], outOfOrder: [], overlapping: [] })
})

it.each([
  ['dynamic', undefined],
  ['static', 'crash'],
])("with recovery 'rejoin' the broker shows the fresh client id after a crash, and the old one no more (%s)", async (_, groupInstanceId) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const consumer = { groupInstanceId, sessionTimeout: 30_000 }
  const pool = await startPool({ topics: [topic], handler: record.handler, workers: 2, consumer, recovery: 'rejoin' })
  const before = await untilStable(pool.groupId, 2)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS })
  const old = pool.status().slots[1]?.seat

  await crash(pool, topic, 1)
  const after = await untilStable(pool.groupId, 2)
  const verdict = await record.untilNothingIsLost(await traffic.stop(), { crashes: pool.crashes() })

  expect(after.generation).toBeGreaterThan(before.generation ?? Number.NaN)
  expect(partitionsIn(after)).toEqual(partitionNames(topic, PARTITIONS))
  await expectBrokerAgrees(after, pool)
  const shown = (await describeGroupWithTool(pool.groupId)).map(({ clientId }) => clientId).sort()
  expect(shown).toEqual(
    pool
      .status()
      .slots.map(({ seat }) => seat.clientId)
      .sort(),
  )
  expect(shown).not.toContain(old?.clientId)
  expect(pool.status().slots[1]?.seat).toMatchObject({ instanceId: old?.instanceId })
  expect(pool.heard('slot:recovered')).toMatchObject([{ slot: 1, by: 'rejoin' }])
  expect(verdict).toMatchObject({ lost: [], unexcused: [] })
})
