import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { adminClient, createTopic, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, partitionNames, partitionsIn, startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const BEFORE = 2
const AFTER = 5

const grow = async (topic: string): Promise<void> => {
  const admin = await adminClient()
  await admin.createPartitions({ topicPartitions: [{ topic, count: AFTER }] })
}

it.each([
  ['of dynamic members', undefined],
  ['of static members whose leader was restarted, and so does not know that it leads', 'grow'],
])('partitions that are added to a topic get to the members of a group %s', async (_, groupInstanceId) => {
  const topic = await createTopic({ partitions: BEFORE })
  const record = newRecord()
  const consumer = { groupInstanceId, metadataMaxAge: 1_000, heartbeatInterval: 300, sessionTimeout: 30_000 }
  const options = { topics: [topic], handler: record.handler, workers: 2, consumer }
  const first = await startPool(options)
  const before = await untilStable(first.groupId, 2)
  if (groupInstanceId !== undefined) await first.pool.stop()
  const pool = groupInstanceId === undefined ? first : await startPool({ ...options, groupId: first.groupId })
  if (groupInstanceId !== undefined) {
    expect(await untilStable(pool.groupId, 2)).toMatchObject({ generation: before.generation })
    expect(pool.status().slots.map(({ seat }) => seat.leader)).toEqual([false, false])
  }

  await grow(topic)
  const grown = await until(
    async () => {
      const group = await untilStable(pool.groupId, 2)
      return partitionsIn(group).length === AFTER && group
    },
    { what: 'the new partitions to be assigned' },
  )
  expect(partitionsIn(grown)).toEqual(partitionNames(topic, AFTER))
  await until(() => pool.status().slots.reduce((sum, { assignment }) => sum + assignment.length, 0) === AFTER, {
    what: 'the slots to have taken them up',
  })
  await expectBrokerAgrees(grown, pool)

  await produce(
    topic,
    Array.from({ length: AFTER }, (_, partition) => ({ partition, value: 'plain' })),
  )
  expect(await record.untilNothingIsLost(await producedIn(topic))).toMatchObject({ lost: [], repeated: [] })
})

it.each([
  ['roundrobin'],
  ['cooperative-sticky'],
])("partitions that are added while the thread of the group's leader is being replaced are assigned all the same (%s)", async (assignor) => {
  const topic = await createTopic({ partitions: BEFORE })
  const record = newRecord()
  const pool = await startPool({
    ...{ topics: [topic], handler: record.handler, workers: 2, assignors: [assignor], convictAfter: 100 },
    consumer: { metadataMaxAge: 1_000 },
  })
  await untilStable(pool.groupId, 2)
  const leader = pool.status().slots.find(({ seat }) => seat.leader)
  const partition = leader?.assignment[0]?.partition ?? Number.NaN
  await produce(topic, [{ partition, value: 'exits:4' }])
  await until(() => pool.heard('slot:crashed').length > 0, { what: 'the thread of the leader to die' })

  await grow(topic)
  const grown = await until(
    () => pool.heard('group:assigned').find(({ added }) => added.some((each) => each.partition >= BEFORE)),
    {
      what: 'the new partitions to be assigned',
    },
  )
  expect(grown.generation).toBeGreaterThan(leader?.seat.generation ?? Number.NaN)
  await until(() => pool.status().slots.flatMap(({ assignment }) => assignment).length === AFTER, {
    what: 'the slots to have taken them up',
  })
  expect(pool.heard('slot:crashed').every(({ slot }) => slot === leader?.slot)).toBe(true)

  const everywhere = Array.from({ length: AFTER }, (_, each) => ({ partition: each, value: 'plain' }))
  await produce(topic, everywhere)
  const verdict = await record.untilNothingIsLost(await producedIn(topic), { crashes: pool.crashes() })
  expect(verdict).toMatchObject({ lost: [], unexcused: [], overlapping: [] })
})
