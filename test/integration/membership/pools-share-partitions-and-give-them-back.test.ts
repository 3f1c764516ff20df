import { expect, it } from 'vitest'
import { createTopic } from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, partitionNames, partitionsIn, startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 8

it.each([
  'roundrobin',
  'range',
] as const)('a second pool that joins and leaves under load costs no message and repeats none (%s)', async (assignor) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 2, assignors: [assignor] }
  const first = await startPool(options)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS, value: 'block:1' })

  const second = await startPool({ ...options, groupId: first.groupId })
  const shared = await untilStable(first.groupId, 4)
  expect(partitionsIn(shared)).toEqual(partitionNames(topic, PARTITIONS))
  await expectBrokerAgrees(shared, first, second)
  for (const { assignment } of shared.members) expect(assignment[topic]).toHaveLength(2)

  await second.pool.stop()
  const back = await untilStable(first.groupId, 2)
  expect(back.generation).toBeGreaterThan(shared.generation ?? Number.NaN)
  for (const { assignment } of back.members) expect(assignment[topic]).toHaveLength(4)

  const verdict = await record.untilNothingIsLost(await traffic.stop())
  await expectBrokerAgrees(back, first)
  expect(verdict).toMatchObject({ lost: [], repeated: [], startedTwice: [], outOfOrder: [], overlapping: [] })
})
