import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { resolveConfig } from '#src/config/resolve.js'
import { createTopic } from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, startPool, testOptions, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 4
const HEARTBEAT_MS = 2_000
const consumer = { sessionTimeout: 3 * HEARTBEAT_MS, heartbeatInterval: HEARTBEAT_MS, rebalanceTimeout: 5_700 }

test('a rebalance that is as short as is allowed for its heartbeats is over with all members, although handlers are busy', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 1, consumer }
  const tooShort = testOptions({
    ...options,
    consumer: { ...consumer, rebalanceTimeout: consumer.rebalanceTimeout - 1 },
  })
  expect(() => resolveConfig(tooShort)).toThrow('must be below rebalanceTimeout')

  const first = await startPool(options)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS, value: 'block:1500', everyMs: 500 })
  await until(() => first.status().totals.inFlight === 1, { what: 'a handler to be busy' })
  const second = await startPool({ ...options, groupId: first.groupId })
  const shared = await untilStable(first.groupId, 2)
  await expectBrokerAgrees(shared, first, second)
  // Where a member is expelled, it comes back and expels the other: a generation every few seconds.
  const finished = () => first.status().totals.finished + second.status().totals.finished
  const before = finished()
  await until(() => finished() >= before + 12, { what: 'both to work for nine seconds' })
  expect(await untilStable(first.groupId, 2)).toMatchObject({ generation: shared.generation })

  await second.pool.stop()
  const alone = await untilStable(first.groupId, 1)
  const all = await traffic.stop()
  expect(all.length).toBe(PARTITIONS)
  // Alone; what the second is to have is given up, and handed on; it hands on what it is not busy with (if its handler takes
  // longer than a moment), and leaves.
  expect(shared.generation).toBe(3)
  expect([4, 5]).toContain(alone.generation)
  const generations = Array.from({ length: alone.generation ?? 0 }, (_, n) => n + 1)
  expect(first.heard('group:joined').map(({ generation }) => generation)).toEqual(generations)
})
