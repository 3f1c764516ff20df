import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, produce } from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { createPool, startPool, type TestPool, untilStable } from '../../support/pool/pool.js'
import { newRecord, type TestRecord } from '../../support/pool/record.js'

const PARTITIONS = 4
const PAUSED = 1

const startsIn = (record: TestRecord, partition: number): number =>
  record.read().filter((handling) => handling.partition === partition).length

/** Waits until each partition that is not paused has so many more starts. */
const untilOthersMoved = async (record: TestRecord, more = 20): Promise<void> => {
  const others = [0, 1, 2, 3].filter((partition) => partition !== PAUSED)
  const before = others.map((partition) => startsIn(record, partition))
  const moved = () => others.every((partition, n) => startsIn(record, partition) >= (before[n] ?? 0) + more)
  await until(moved, { what: 'the other partitions to move', everyMs: 50 })
}

const holderOf = ({ pool }: TestPool) =>
  pool.status().slots.find(({ assignment }) => assignment.some(({ partition }) => partition === PAUSED))

const pausedIn = (pool: TestPool) => holderOf(pool)?.assignment.find(({ partition }) => partition === PAUSED)

test.each([
  ['roundrobin'],
  ['cooperative-sticky'],
])('nothing of it begins, over a crash, a recycling and a rebalance, and the pool is well meanwhile (%s)', async (assignor) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, assignors: [assignor] }
  const pool = await startPool({ ...options, workers: 2 })
  const traffic = await startTraffic(topic, { partitions: PARTITIONS, value: 'block:2' })
  await untilOthersMoved(record)

  await pool.pool.pause(topic, PAUSED)
  const started = startsIn(record, PAUSED)
  const stood = () => expect(startsIn(record, PAUSED)).toBe(started)
  await untilOthersMoved(record)
  stood()
  const finished = record
    .read()
    .filter(({ partition, outcome }) => partition === PAUSED && outcome === 'finished').length
  await until(async () => (await committed(pool.groupId, topic)).get(PAUSED) === BigInt(finished), {
    what: 'what was in flight to be committed',
  })
  expect(pool.status().state).toBe('running')
  expect(pool.status().totals).toMatchObject({ rebalances: 0 })
  const { rebalances } = pool.status().totals

  // Its slot's thread dies of another partition's message, or of one that is there by now: then of none.
  const slot = holderOf(pool)
  const other = slot?.assignment.find(({ partition }) => partition !== PAUSED)?.partition ?? Number.NaN
  await produce(topic, [{ partition: other, value: 'uncaught-once' }])
  await until(() => pool.heard('slot:recovered').length > 0, { what: 'the slot to recover' })
  expect(pool.pool.recycle(slot?.slot ?? -1)).toBe(true)
  await until(() => pool.heard('slot:recycled').length > 0, { what: 'the slot to be recycled' })
  await untilOthersMoved(record)
  stood()
  expect(pool.status().totals.rebalances).toBe(rebalances)

  // Others come, whose pool has paused it, too: for it may go there.
  const second = createPool({ ...options, groupId: pool.groupId, workers: 1 })
  await second.pool.pause(topic, PAUSED)
  await second.pool.start()
  await untilStable(pool.groupId, 3)
  await second.pool.stop()
  await untilStable(pool.groupId, 2)
  await until(() => pausedIn(pool) !== undefined, { what: 'the partition to be back' })
  await untilOthersMoved(record)
  stood()
  expect(pausedIn(pool)).toMatchObject({ paused: null, onHoldForMs: expect.any(Number) })
  await until(() => pool.status().state === 'running' && Number(pausedIn(pool)?.lag) > 0, {
    what: 'its lag to be known',
    deadlineMs: 30_000,
  })
  expect(pool.heard('slot:stalled')).toEqual([])
  expect(pool.heard('partition:paused')).toEqual([])

  expect(pool.pool.resume(topic)).toBe(true)
  expect(pool.pool.resume(topic)).toBe(false)
  const crashes = [...pool.crashes(), ...second.crashes()]
  const verdict = await record.untilNothingIsLost(await traffic.stop(), { crashes })
  expect(verdict).toMatchObject({ lost: [], outOfOrder: [], overlapping: [], unknown: [] })
  expect(pausedIn(pool)).toMatchObject({ paused: null, onHoldForMs: null })
  expect(pool.status().state).toBe('running')
})
