import { expect, it } from 'vitest'
import { createTopic, describeGroup } from '../../support/cluster/index.js'
import { producedIn, startTraffic } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, partitionNames, partitionsIn, startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

it.each([
  'cooperative-sticky',
  'roundrobin',
  'range',
  'RoundRobinAssigner',
] as const)('two subscriptions of one group get their own topics and nothing else (%s)', async (assignor) => {
  const orders = await createTopic({ partitions: 4, name: 'orders' })
  const bills = await createTopic({ partitions: 3, name: 'bills' })
  const record = newRecord()
  const pool = await startPool({
    assignors: [assignor],
    subscriptions: [
      { topics: [orders], handler: record.handler, workers: 2 },
      { topics: [bills], handler: record.handler, workers: 1 },
    ],
  })
  const group = await describeGroup(pool.groupId)
  expect(group).toMatchObject({ state: 'Stable', protocol: assignor })
  expect(partitionsIn(group)).toEqual([...partitionNames(orders, 4), ...partitionNames(bills, 3)].sort())
  await expectBrokerAgrees(group, pool)
  const topicsOfSlots = pool.status().slots.map(({ assignment }) => [...new Set(assignment.map(({ topic }) => topic))])
  expect(topicsOfSlots).toEqual([[orders], [orders], [bills]])

  const traffic = [await startTraffic(orders, { partitions: 4 }), await startTraffic(bills, { partitions: 3 })]
  await record.untilNothingIsLost([...(await producedIn(orders)), ...(await producedIn(bills))])
  const produced = (await Promise.all(traffic.map(({ stop }) => stop()))).flat()
  expect(await record.untilNothingIsLost(produced)).toMatchObject({ lost: [], repeated: [], outOfOrder: [] })
  for (const { topic, slot } of record.read()) expect(slot).toBeOneOf(topic === orders ? [0, 1] : [2])
})
