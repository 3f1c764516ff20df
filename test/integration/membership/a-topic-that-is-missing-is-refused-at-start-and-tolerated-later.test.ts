import { beforeAll, expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import {
  adminClient,
  createTopic,
  describeGroup,
  produce,
  producerClient,
  uniqueName,
} from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { watchLeaks } from '../../support/leaks.js'
import { createPool, startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

// They stay connected, and are no leak.
beforeAll(() => Promise.all([adminClient(), producerClient(), describeGroup(uniqueName('group'))]))

it('a pool whose topic is not there rejects start() with every missing name, joins nothing and leaves nothing behind', async () => {
  const there = await createTopic({ partitions: 1 })
  const missing = [uniqueName('missing'), uniqueName('missing')]
  const { handler } = newRecord()
  const { pool, groupId, heard } = createPool({ topics: [there, ...missing], handler, workers: 2 })
  const noLeaks = watchLeaks()
  const error = await pool.start().catch((reason: unknown) => reason)
  expect(error).toMatchObject({ name: 'PoolError', code: 'KCP_TOPIC_MISSING' })
  for (const topic of missing) expect((error as Error).message).toContain(topic)
  expect((error as Error).message).not.toContain(there)
  expect(pool.status().state).toBe('stopped')
  expect(heard('group:joined')).toEqual([])
  await noLeaks()
  expect((await describeGroup(groupId)).members).toEqual([])
  const { topics } = await (await adminClient()).fetchTopicMetadata()
  expect(topics.map(({ name }) => name)).not.toContain(missing[0])
})

it('a topic that is deleted later is tolerated: the others go on, and rebalances work', async () => {
  const kept = await createTopic({ partitions: 2, name: 'kept' })
  const deleted = await createTopic({ partitions: 2, name: 'deleted' })
  const record = newRecord()
  const consumer = { metadataMaxAge: 1_000 }
  const options = { topics: [kept, deleted], handler: record.handler, workers: 1, consumer }
  const pool = await startPool(options)
  const work = async () => {
    await produce(
      kept,
      [0, 1].map((partition) => ({ partition, value: 'plain' })),
    )
    return record.untilNothingIsLost(await producedIn(kept))
  }
  await produce(deleted, [{ partition: 0, value: 'plain' }])
  await until(() => pool.status().totals.finished === 1, { what: 'the message of the topic to be deleted' })
  await (await adminClient()).deleteTopics({ topics: [deleted] })
  await work()
  const second = await startPool({ ...options, topics: [kept], groupId: pool.groupId })
  expect(await work()).toMatchObject({ lost: [], repeated: [] })
  for (const { status } of [pool, second]) {
    expect(status().slots).toMatchObject([{ state: 'running', incarnation: 1, seat: { state: 'stable' } }])
  }
  expect(second.status().slots[0]?.assignment).toHaveLength(1)
})
