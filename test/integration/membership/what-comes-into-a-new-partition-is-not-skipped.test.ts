import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { adminClient, createTopic, makeTopic, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { startPool, type TestPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const fill = (topic: string, ...partitions: number[]) =>
  produce(
    topic,
    partitions.map((partition) => ({ partition, value: 'plain' })),
  )

const held = ({ pool }: TestPool): number =>
  pool.status().slots.reduce((sum, { assignment }) => sum + assignment.length, 0)

const latest = { fromBeginning: false, workers: 2, consumer: { metadataMaxAge: 5_000, heartbeatInterval: 300 } }

it('partitions that are added while a pool runs begin at their first message, also when fromBeginning is false', async () => {
  const topic = await createTopic({ partitions: 1 })
  const record = newRecord()
  const pool = await startPool({ ...latest, topics: [topic], handler: record.handler })
  await (await adminClient()).createPartitions({ topicPartitions: [{ topic, count: 3 }] })
  await fill(topic, 1, 2) // the first that the producer hears of the topic: it would not know the partitions else
  await until(() => held(pool) === 3, { what: 'the new partitions to be noticed' })
  await fill(topic, 0, 1, 2)
  const verdict = await record.untilNothingIsLost(await producedIn(topic))
  expect(verdict).toMatchObject({ lost: [], repeated: [], unknown: [] })
})

it('a topic that was deleted and is created again begins at its first message', async () => {
  const [kept, topic] = [await createTopic({ partitions: 1 }), await createTopic({ partitions: 2 })]
  await fill(topic, 0, 0, 1)
  const record = newRecord()
  const pool = await startPool({ ...latest, topics: [kept, topic], handler: record.handler })
  const admin = await adminClient()
  await admin.deleteTopics({ topics: [topic] })
  await until(() => held(pool) === 1, { what: 'the deleted topic to be given up' })
  await makeTopic(admin, topic, { partitions: 2 })
  await fill(topic, 0, 1)
  expect(await record.untilNothingIsLost(await producedIn(topic))).toMatchObject({ lost: [], repeated: [] })
})
