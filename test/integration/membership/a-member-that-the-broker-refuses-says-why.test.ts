import { PartitionAssigners } from 'kafkajs'
import { expect, it, onTestFinished } from 'vitest'
import { createTopic, describeGroup, kafkaClient, uniqueName } from '../../support/cluster/index.js'
import { createPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

it.each([
  ['below', { sessionTimeout: 999, heartbeatInterval: 100 }],
  ['above', { sessionTimeout: 1_800_001, heartbeatInterval: 100 }],
])("a session timeout %s the broker's limits is refused at start, with the limits", async (_, consumer) => {
  const topic = await createTopic({ partitions: 2 })
  const { handler } = newRecord()
  const { pool, groupId } = createPool({ topics: [topic], handler, workers: 2, consumer })
  const error = await pool.start().catch((reason: unknown) => reason)
  expect(error).toMatchObject({ name: 'PoolError', code: 'KCP_SESSION_TIMEOUT_REFUSED', groupId })
  expect((error as Error).message).toContain(`sessionTimeout = ${consumer.sessionTimeout} ms`)
  expect((error as Error).message).toContain('between 1000 and 1800000 ms')
  expect(pool.status().state).toBe('stopped')
  expect((await describeGroup(groupId)).members).toEqual([])
})

it('a group that uses another assignor refuses the pool at start, and is not disturbed', async () => {
  const topic = await createTopic({ partitions: 2 })
  const { handler } = newRecord()
  const groupId = uniqueName('group')
  const partitionAssigners = [PartitionAssigners.roundRobin]
  const consumer = kafkaClient('kafkajs').consumer({ groupId, partitionAssigners, maxWaitTimeInMs: 100 })
  onTestFinished(() => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topic })
  await consumer.run({ eachMessage: async () => {} })
  const before = await untilStable(groupId, 1)

  const { pool } = createPool({ groupId, topics: [topic], handler, workers: 2, assignors: ['roundrobin'] })
  const error = await pool.start().catch((reason: unknown) => reason)
  expect(error).toMatchObject({ name: 'PoolError', code: 'KCP_PROTOCOL_REFUSED', groupId })
  expect((error as Error).message).toMatch(/offered: roundrobin.*'RoundRobinAssigner'/)
  expect(await describeGroup(groupId)).toEqual(before)
})
