import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { adminClient, createTopic, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import {
  expectBrokerAgrees,
  partitionNames,
  partitionsIn,
  startPool,
  type TestPool,
  untilStable,
} from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const consumer = { groupInstanceId: 'static', sessionTimeout: 60_000 }

/** The partitions that the slots hold, as the broker's names. */
const held = ({ pool }: TestPool): string[] =>
  pool
    .status()
    .slots.flatMap(({ assignment }) => assignment.map(({ topic, partition }) => `${topic}-${partition}`))
    .sort()

const fill = (topic: string, partitions: number) =>
  produce(
    topic,
    Array.from({ length: partitions }, (_, partition) => ({ partition, value: 'plain' })),
  )

const topics = () => Promise.all(['a', 'b'].map((name) => createTopic({ name, partitions: 2 })))

it.each([
  1, 2,
])('a static pool of %d that comes back with one more topic has it when start() resolves', async (workers) => {
  const [a = '', b = ''] = await topics()
  const record = newRecord()
  const options = { handler: record.handler, workers, consumer, fromBeginning: false }
  const first = await startPool({ ...options, topics: [a] })
  const before = await untilStable(first.groupId, workers)
  await first.pool.stop()

  const again = await startPool({ ...options, topics: [a, b], groupId: first.groupId })
  expect(held(again)).toEqual([...partitionNames(a, 2), ...partitionNames(b, 2)])
  await fill(b, 2)
  expect(await record.untilNothingIsLost(await producedIn(b))).toMatchObject({ lost: [], repeated: [] })
  const group = await untilStable(again.groupId, workers)
  await expectBrokerAgrees(group, again)
  expect(group.generation).toBe(Number(before.generation) + 1)
})

it('a static pool whose topic grew while it was stopped has the new partitions when start() resolves', async () => {
  const [a = ''] = await topics()
  const { handler } = newRecord()
  const options = { topics: [a], handler, workers: 2, consumer }
  const first = await startPool(options)
  await first.pool.stop()
  await (await adminClient()).createPartitions({ topicPartitions: [{ topic: a, count: 5 }] })
  const again = await startPool({ ...options, groupId: first.groupId })
  expect(held(again)).toEqual(partitionNames(a, 5))
})

it('a topic that a static pool does not subscribe to any more goes to the member that does', async () => {
  const [a = '', b = ''] = await topics()
  const { handler } = newRecord()
  const options = { handler, workers: 1, consumer }
  const first = await startPool({ ...options, topics: [a, b] })
  const other = await startPool({
    ...{ ...options, topics: [a], groupId: first.groupId },
    consumer: { ...consumer, groupInstanceId: 'other' },
  })
  await first.pool.stop()
  const again = await startPool({ ...options, topics: [b], groupId: first.groupId })
  expect(held(again)).toEqual(partitionNames(b, 2))
  await until(() => held(other).length === 2, { what: 'the other to have the whole topic' })
  expect(held(other)).toEqual(partitionNames(a, 2))
  await expectBrokerAgrees(await untilStable(first.groupId, 2), again, other)
})

it('static pools that get one more topic one after the other share it in the end', async () => {
  const [a = '', b = ''] = await topics()
  const { handler } = newRecord()
  const optionsOf = (groupInstanceId: string, ...subscribed: string[]) => ({
    ...{ topics: subscribed, handler, workers: 1, consumer: { ...consumer, groupInstanceId } },
  })
  const first = await startPool(optionsOf('one', a))
  const { groupId } = first
  const second = await startPool({ ...optionsOf('two', a), groupId })
  await first.pool.stop()
  const newFirst = await startPool({ ...optionsOf('one', a, b), groupId })
  await second.pool.stop()
  const newSecond = await startPool({ ...optionsOf('two', a, b), groupId })
  await until(() => held(newFirst).length === 2, { what: 'the first to give half of it away' })
  expect(held(newSecond)).toHaveLength(2)
  const group = await untilStable(groupId, 2)
  expect(partitionsIn(group)).toEqual([...partitionNames(a, 2), ...partitionNames(b, 2)])
  await expectBrokerAgrees(group, newFirst, newSecond)
})

it('a static pool that comes back as it was makes nobody rebalance', async () => {
  const [a = ''] = await topics()
  const { handler } = newRecord()
  const options = { topics: [a], handler, workers: 2, consumer }
  const first = await startPool(options)
  const before = await untilStable(first.groupId, 2)
  await first.pool.stop()
  const again = await startPool({ ...options, groupId: first.groupId })
  const after = await untilStable(again.groupId, 2)
  expect(after.generation).toBe(before.generation)
  await expectBrokerAgrees(after, again)
})
