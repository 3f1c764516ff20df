import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

/** Far longer than the deadline of the test. */
const consumer = { heartbeatInterval: 600_000, sessionTimeout: 1_800_000, rebalanceTimeout: 700_000 }

it('when one seat of a pool leaves and joins, the others take part in the rebalance at once', async () => {
  const topic = await createTopic({ partitions: 6 })
  const record = newRecord()
  const pool = await startPool({ topics: [topic], handler: record.handler, workers: 3, consumer, recovery: 'rejoin' })
  const before = await untilStable(pool.groupId, 3)
  await produce(topic, [{ partition: 0, value: 'uncaught-once' }])
  await until(() => pool.heard('slot:recovered').length === 1, { what: 'the slot to be back in the group' })
  const after = await untilStable(pool.groupId, 3)
  expect(after.generation).toBeGreaterThan(before.generation ?? Number.NaN)
  await expectBrokerAgrees(after, pool)
  expect(await record.untilNothingIsLost(await producedIn(topic))).toMatchObject({ lost: [], repeated: [] })
})
