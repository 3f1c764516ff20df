import { expect, it } from 'vitest'
import { machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import {
  createPool,
  expectBrokerAgrees,
  partitionNames,
  partitionsIn,
  startPool,
  type TestPool,
  untilStable,
} from '../../support/pool/pool.js'
import { startPoolProcess } from '../../support/pool/pool-process.js'
import { held, longestGap, untilBusy } from '../../support/pool/rebalance.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 8
/** Well over the time for which an eager rebalance would stop everybody, and well under what is waited for a handler. */
const BUSY_MS = 2_500
/** An eager rebalance stops everybody for as long as that handler. */
const GAP_MS = 1_500

const evenShares = (count: number, ...pools: readonly TestPool[]) =>
  until(
    () => {
      const shares = pools.flatMap(held).map(({ length }) => length)
      const isAll = shares.reduce((a, b) => a + b, 0) === PARTITIONS
      return isAll && shares.length === count && Math.max(...shares) - Math.min(...shares) <= 1
    },
    { what: `${count} slots to have even shares`, deadlineMs: 30_000 },
  )

const join = async (count: number, first: TestPool, second: TestPool) => {
  await second.pool.start()
  await evenShares(count, first, second)
  return untilStable(first.groupId, count)
}

it('pools that come and go under load cost no message and repeat none, and no more moves than has to', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = {
    ...{ topics: [topic], handler: record.handler, workers: 2 },
    assignors: ['cooperative-sticky' as const],
  }
  const first = await startPool(options)
  await evenShares(2, first)
  const before = held(first)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS, value: 'block:1' })

  const second = createPool({ ...options, groupId: first.groupId })
  const shared = await join(4, first, second)
  expect(partitionsIn(shared)).toEqual(partitionNames(topic, PARTITIONS))
  await expectBrokerAgrees(shared, first, second)
  for (const [slot, partitions] of held(first).entries()) {
    expect(partitions).toHaveLength(2)
    expect(before[slot]).toEqual(expect.arrayContaining(partitions))
  }
  const kept = held(first)
  // Two rounds, and none after them.
  const generations = new Set(first.heard('group:joined').map(({ generation }) => generation))
  expect(generations.size).toBeLessThanOrEqual(3)

  await second.pool.stop()
  await evenShares(2, first)
  await untilStable(first.groupId, 2)
  for (const [slot, partitions] of held(first).entries())
    expect(partitions).toEqual(expect.arrayContaining(kept[slot] ?? []))

  const verdict = await record.untilNothingIsLost(await traffic.stop())
  expect(verdict).toMatchObject({ lost: [], repeated: [], startedTwice: [], outOfOrder: [], overlapping: [] })
})

/** A pool of two slots under traffic, the first of which has a handler that blocks, or the next one, for so long. */
const withBusySlot = async (blocks: number) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, assignors: ['cooperative-sticky' as const] }
  const first = await startPool({ ...options, workers: 2 })
  await evenShares(2, first)
  const [[partition = Number.NaN] = [], idle = []] = held(first)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS })
  const begin = async () => {
    await produce(
      topic,
      Array.from({ length: blocks }, () => ({ partition, value: `block:${BUSY_MS}` })),
    )
    await untilBusy(record)
  }
  return { topic, record, options, first, idle, traffic, begin }
}

it('what a slot keeps goes on while a handler blocks another slot, and members come and go', async () => {
  const { record, options, first, idle, traffic, begin } = await withBusySlot(3)
  await begin()
  const fromMs = machineMs()
  const second = createPool({ ...options, workers: 1, groupId: first.groupId })
  await join(3, first, second)
  const kept = held(first)[1]?.filter((partition) => idle.includes(partition)) ?? []
  expect(kept).toHaveLength(3)
  await second.pool.stop()
  await evenShares(2, first)
  const toMs = machineMs()
  for (const partition of kept) expect(longestGap(record, partition, fromMs, toMs)).toBeLessThan(GAP_MS)

  const verdict = await record.untilNothingIsLost(await traffic.stop())
  expect(verdict).toMatchObject({ lost: [], repeated: [], startedTwice: [], outOfOrder: [], overlapping: [] })
})

it('a member that is killed stops nobody either, and what it had is handled by the others', async () => {
  const { record, options, first, traffic, begin } = await withBusySlot(4)
  const other = await startPoolProcess({ ...options, workers: 1, groupId: first.groupId })
  // The group is stable between the two rounds, too.
  await until(() => held(first).every(({ length }) => length === 3), { what: 'both slots to have given one up' })
  await untilStable(first.groupId, 3)
  const kept = held(first)[1] ?? []
  await other.kill()
  await begin()
  const fromMs = machineMs()
  await evenShares(2, first)
  const toMs = machineMs()
  for (const partition of kept) expect(longestGap(record, partition, fromMs, toMs)).toBeLessThan(GAP_MS)

  const verdict = await record.untilNothingIsLost(await traffic.stop())
  expect(verdict).toMatchObject({ lost: [], overlapping: [], unknown: [] })
})
