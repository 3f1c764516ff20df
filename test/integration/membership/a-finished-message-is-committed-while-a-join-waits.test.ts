import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, describeGroup, produce } from '../../support/cluster/index.js'
import { rawMember } from '../../support/cluster/raw-member.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

it('what a handler finishes while its seat waits for the end of a rebalance is committed at once', async () => {
  const topic = await createTopic({ partitions: 2 })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 1 }
  const busy = await startPool(options)
  // A member that does not come to rebalances, so that whoever does has to wait.
  const idler = await rawMember(busy.groupId, [topic])
  const { memberId } = await idler.join({ memberId: '', instanceId: null })
  // For what the first gives up the group rebalances again, and this once the other comes.
  await until(async () => (await describeGroup(busy.groupId)).state === 'PreparingRebalance', {
    what: 'the second round',
  })
  await idler.join({ memberId, instanceId: null })
  await untilStable(busy.groupId, 2)
  const partition = busy.status().slots[0]?.assignment[0]?.partition ?? Number.NaN

  await produce(topic, [{ partition, value: 'block:5000' }])
  await until(() => busy.status().totals.inFlight === 1, { what: 'the handler to block' })
  const newcomer = startPool({ ...options, groupId: busy.groupId })
  await until(() => busy.status().slots[0]?.seat.state === 'rebalancing', { what: 'the rebalance to begin' })

  await until(async () => (await committed(busy.groupId, topic)).get(partition) === 1n, { what: 'the commit' })
  expect((await describeGroup(busy.groupId)).state).toBe('PreparingRebalance')
  expect(busy.status().slots[0]?.seat.state).toBe('rebalancing')

  await idler.remove(memberId)
  const pools = [busy, await newcomer]
  await expectBrokerAgrees(await untilStable(busy.groupId, 2), ...pools)
  expect(await record.untilNothingIsLost(await producedIn(topic))).toMatchObject({ lost: [], startedTwice: [] })
})
