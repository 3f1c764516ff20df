import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import type { ConsumerPoolOptions } from '#src/index.js'
import { createTopic, describeGroup, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, startPool, type TestPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 4
const MB = 2 ** 20

/** Lets two slots handle `count` times that value, and sees that it cost the group nothing and no message anything. */
const handleAll = async (
  count: number,
  value: string,
  options: Partial<ConsumerPoolOptions>,
  meanwhile: (pool: TestPool) => Promise<void> = async () => {},
) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const messages = Array.from({ length: count }, (_, n) => ({ partition: n % PARTITIONS, value }))
  await produce(topic, messages)
  const record = newRecord()
  const pool = await startPool({ topics: [topic], handler: record.handler, workers: 2, ...options })
  const before = await untilStable(pool.groupId, 2)
  await meanwhile(pool)
  const verdict = await record.untilNothingIsLost(await producedIn(topic), { deadlineMs: 120_000 })
  expect(verdict).toMatchObject({ lost: [], startedTwice: [], outOfOrder: [], overlapping: [], unknown: [] })
  expect(await describeGroup(pool.groupId)).toEqual(before)
  await expectBrokerAgrees(before, pool)
  expect(pool.heard('slot:crashed')).toEqual([])
  const { totals } = pool.status()
  expect(totals).toMatchObject({ rebalances: 0, restarts: 0, failed: 0, finished: count })
  await until(() => pool.heard('slot:recycled').length === pool.status().totals.recycles, { what: 'it to be told' })
  return pool
}

test('a handler that leaks fills one heap after the other, and no thread dies of it', async () => {
  const resourceLimits = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 8 }
  const pool = await handleAll(800, 'keep:1024', { resourceLimits })
  const recycled = pool.heard('slot:recycled')
  // 800 MB in heaps of 96.
  expect(recycled.length).toBeGreaterThanOrEqual(6)
  for (const { reason, memory, finished } of recycled) {
    expect(reason).toBe('memory')
    expect(memory?.heapLimit).toBe(96 * MB)
    expect(memory?.heapUsed).toBeGreaterThan(0.84 * 96 * MB)
    expect(finished).toBeGreaterThan(20)
  }
})

test.each([
  'thread',
  'process',
] as const)('Buffers that are kept in a %s count for the memory of the pool: the slot that has the most is recycled', async (isolation) => {
  const maxRssMb = Math.round(process.memoryUsage.rss() / MB) + 400
  const pool = await handleAll(1_500, 'buffer:1024', { maxRssMb, isolation })
  const recycled = pool.heard('slot:recycled')
  expect(recycled.map(({ reason }) => reason)).toContain('rss')
  for (const { memory } of recycled) expect(memory?.external).toBeGreaterThan(50 * MB)
})

test('a slot is recycled after so many messages, one at a time, and its fresh thread says how much memory it takes', async () => {
  const pool = await handleAll(1_200, 'block:2', { recycle: { afterMessages: 200 } })
  const recycled = pool.heard('slot:recycled')
  expect(recycled.length).toBeGreaterThanOrEqual(2)
  for (const { reason, finished } of recycled) {
    expect(reason).toBe('messages')
    expect(finished).toBeGreaterThanOrEqual(160)
  }
  for (const { memory } of pool.status().slots) {
    expect(memory?.heapUsed).toBeGreaterThan(MB)
    expect(memory?.heapLimit).toBeGreaterThan(100 * MB)
  }
})

test('a slot is recycled when somebody asks: the message in flight comes to its end first, in the old thread', async () => {
  const pool = await handleAll(400, 'sleep:10', { concurrency: 2 }, async ({ pool, heard, status }) => {
    await until(() => status().totals.finished > 20, { what: 'some messages to be handled' })
    const [first] = status().slots
    expect([pool.recycle(0), pool.recycle(2)]).toEqual([true, false])
    await until(() => heard('slot:recycled').length === 1, { what: 'slot 0 to be recycled' })
    expect(heard('slot:recycled')).toMatchObject([
      { slot: 0, incarnation: 1, clientId: first?.clientId, memberId: first?.seat.memberId, reason: 'asked' },
    ])
    expect(status().slots[0]).toMatchObject({ incarnation: 2, restarts: 0, recycles: 1 })
    expect(status().slots[0]?.clientId).not.toBe(first?.clientId)
  })
  expect(pool.status().totals.recycles).toBe(1)
})
