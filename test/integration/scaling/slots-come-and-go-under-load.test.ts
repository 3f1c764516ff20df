import { expect, it } from 'vitest'
import { type Handling, machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import type { ConsumerPoolOptions } from '#src/index.js'
import { createTopic, describeGroup, produce } from '../../support/cluster/index.js'
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

const PARTITIONS = 8
const COOPERATIVE = { assignors: ['cooperative-sticky' as const] }
/** Over the time for which a slot that is removed waits before it hands on what is idle, and far below its drain. */
const BUSY_MS = 3_000

const begin = async (options: Partial<ConsumerPoolOptions> & { readonly workers: number }) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const pool = await startPool({ topics: [topic], handler: record.handler, ...options } as ConsumerPoolOptions)
  await untilStable(pool.groupId, options.workers)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS, value: 'block:1' })
  return { topic, record, pool, traffic }
}

const numbersOf = ({ pool }: TestPool) => pool.status().slots.map(({ slot }) => slot)

const held = ({ pool }: TestPool, number: number): number[] => {
  const slot = pool.status().slots.find(({ slot }) => slot === number)
  return slot?.assignment.map(({ partition }) => partition) ?? []
}

const evenShares = (pool: TestPool) =>
  until(
    () => {
      const shares = numbersOf(pool).map((number) => held(pool, number).length)
      return shares.reduce((a, b) => a + b, 0) === PARTITIONS && Math.max(...shares) - Math.min(...shares) <= 1
    },
    { what: 'even shares', deadlineMs: 30_000 },
  )

const CLEAN = { lost: [], repeated: [], startedTwice: [], outOfOrder: [], overlapping: [] }

it.each([
  ['dynamic members, cooperative', COOPERATIVE, undefined],
  ['static members, cooperative', COOPERATIVE, 'pod-{slot}'],
  ['dynamic members, eager', { assignors: ['roundrobin' as const] }, undefined],
])('slots that are added and removed under load cost no message and repeat none: %s', async (_, options, id) => {
  const { topic, record, pool, traffic } = await begin({
    ...options,
    workers: 1,
    consumer: { groupInstanceId: id },
  })
  const { groupId } = pool
  const finished = () => pool.status().totals.finished
  const someWork = async () => {
    const before = finished()
    await until(() => finished() > before + 50, { what: 'some work' })
  }
  await someWork()

  await pool.pool.scale(4)
  expect(numbersOf(pool)).toEqual([0, 1, 2, 3])
  expect(pool.status()).toMatchObject({ state: 'running', subscriptions: [{ slots: 4, wanted: 4, min: 1, max: 1 }] })
  await evenShares(pool)
  const four = await untilStable(groupId, 4)
  expect(partitionsIn(four)).toEqual(partitionNames(topic, PARTITIONS))
  expectBrokerAgrees(four, pool)
  // All that came have joined together; with a cooperative protocol a second generation hands on what was given up.
  const generations = new Set(pool.heard('group:joined').map(({ generation }) => generation))
  expect(generations.size).toBeLessThanOrEqual(options === COOPERATIVE ? 3 : 2)
  await someWork()

  const atFour = finished()
  await pool.pool.scale(2)
  expect(numbersOf(pool)).toEqual([0, 1])
  expect(finished()).toBeGreaterThanOrEqual(atFour)
  // Of static members, too, nobody is left that would keep partitions until his session is over.
  const two = await untilStable(groupId, 2, 4_000)
  await evenShares(pool)
  expect(two.members.map(({ groupInstanceId }) => groupInstanceId ?? null).sort()).toEqual(
    id === undefined ? [null, null] : ['pod-0', 'pod-1'],
  )
  await someWork()

  const verdict = await record.untilNothingIsLost(await traffic.stop())
  expect(verdict).toMatchObject(CLEAN)
  expect(pool.heard('pool:scaled')).toMatchObject([
    { subscription: 0, from: 1, to: 4, reason: 'asked', added: [1, 2, 3], removed: [] },
    { subscription: 0, from: 4, to: 2, reason: 'asked', added: [], removed: [2, 3] },
  ])
})

it.each([
  ['dynamic', undefined],
  ['static', 'pod'],
])('a %s member that is removed hands on what is idle although it is busy, and nobody gives up what he keeps', async (_, groupInstanceId) => {
  const { topic, record, pool, traffic } = await begin({ ...COOPERATIVE, workers: 3, consumer: { groupInstanceId } })
  await evenShares(pool)
  const [busy = Number.NaN, ...idle] = held(pool, 2)
  const kept = [0, 1].map((number) => held(pool, number))
  await produce(topic, [{ partition: busy, value: `block:${BUSY_MS}` }])
  const isBusy = ({ endMs, startMs }: Handling) => endMs === null && machineMs() - startMs > 100
  await until(() => record.read().some(isBusy), { what: 'slot 2 to be busy' })
  const scaled = pool.pool.scale(2)
  await until(() => idle.every((partition) => [0, 1].some((slot) => held(pool, slot).includes(partition))), {
    what: 'the others to have what slot 2 did not need',
  })
  expect(record.read().some(isBusy)).toBe(true)
  expect(pool.status().subscriptions).toMatchObject([{ slots: 2, wanted: 2 }])
  await scaled
  await untilStable(pool.groupId, 2)
  await evenShares(pool)
  const revoked = pool.heard('group:revoking').filter(({ slot }) => slot !== 2)
  expect(revoked.flatMap(({ partitions }) => partitions)).toEqual([])
  for (const [slot, partitions] of kept.entries()) expect(held(pool, slot)).toEqual(expect.arrayContaining(partitions))
  const verdict = await record.untilNothingIsLost(await traffic.stop())
  expect(verdict).toMatchObject(CLEAN)
})

it('static members that came while the pool ran leave when it stops, for the next process does not begin with them', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = {
    ...{ ...COOPERATIVE, topics: [topic], handler: record.handler, workers: 2 },
    consumer: { groupInstanceId: 'pod', sessionTimeout: 120_000 },
  }
  const first = await startPool(options)
  await first.pool.scale(4)
  await untilStable(first.groupId, 4)
  await first.pool.stop()
  const stayed = await describeGroup(first.groupId)
  expect(stayed.members.map((member) => member.groupInstanceId).sort()).toEqual(['pod-0', 'pod-1'])
  const next = await startPool({ ...options, groupId: first.groupId })
  // Long before the session of anybody is over.
  await evenShares(next)
})

it('a number that is free is given again, with its instance id and higher incarnations', async () => {
  const { record, pool, traffic } = await begin({ ...COOPERATIVE, workers: 2, consumer: { groupInstanceId: 'pod' } })
  await pool.pool.scale(1)
  await pool.pool.scale(3)
  expect(pool.status().slots.map(({ seat, incarnation }) => [seat.instanceId, incarnation])).toEqual([
    ['pod-0', 1],
    ['pod-1', 2],
    ['pod-2', 1],
  ])
  expect((await describeGroup(pool.groupId)).members).toHaveLength(3)
  const verdict = await record.untilNothingIsLost(await traffic.stop())
  expect(verdict).toMatchObject({ lost: [], repeated: [] })
})
