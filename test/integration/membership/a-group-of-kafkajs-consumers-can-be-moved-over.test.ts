import { type Consumer, PartitionAssigners } from 'kafkajs'
import { expect, it, onTestFinished } from 'vitest'
import { openRecorder } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { createTopic, kafkaClient, uniqueName } from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, partitionNames, partitionsIn, startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6
const KAFKAJS_SLOT = 100

/** A plain KafkaJS consumer that writes the same record. */
const startKafkajs = async (groupId: string, topic: string, dir: string, number: number): Promise<Consumer> => {
  const recorder = openRecorder(dir)
  const consumer = kafkaClient(`kafkajs-${number}`).consumer({
    groupId,
    partitionAssigners: [PartitionAssigners.roundRobin],
    sessionTimeout: 6_000,
    heartbeatInterval: 300,
    maxWaitTimeInMs: 100,
  })
  onTestFinished(() => consumer.disconnect())
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ topic, partition, message }) => {
      const call = { slot: KAFKAJS_SLOT + number, incarnation: 1, attempt: 1 }
      recorder.end(recorder.start({ topic, partition, offset: message.offset }, call))
    },
  })
  return consumer
}

const cases = [
  { assignors: ['RoundRobinAssigner'], ends: 'RoundRobinAssigner' },
  { assignors: ['cooperative-sticky', 'RoundRobinAssigner'], ends: 'cooperative-sticky' },
]

it.each(
  cases,
)('a group of KafkaJS consumers is moved over to a pool with $assignors, one after the other, and nothing is lost', async ({
  assignors,
  ends,
}) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const groupId = uniqueName('group')
  const record = newRecord()
  const traffic = await startTraffic(topic, { partitions: PARTITIONS })
  const consumers = await Promise.all([1, 2].map((number) => startKafkajs(groupId, topic, record.dir, number)))
  const old = await untilStable(groupId, 2)
  expect(old.protocol).toBe('RoundRobinAssigner')

  const pool = await startPool({ groupId, topics: [topic], handler: record.handler, workers: 2, assignors })
  const mixed = await untilStable(groupId, 4)
  expect(mixed.protocol).toBe('RoundRobinAssigner')
  expect(partitionsIn(mixed)).toEqual(partitionNames(topic, PARTITIONS))
  const handledBy = (test: (slot: number) => boolean) => record.read().filter(({ slot }) => test(slot)).length
  await until(() => handledBy((slot) => slot < KAFKAJS_SLOT) > 0, { what: 'the pool to get its share' })

  for (const [index, consumer] of consumers.entries()) {
    await consumer.disconnect()
    await untilStable(groupId, 3 - index)
  }
  const after = await untilStable(groupId, 2)
  expect(after.protocol).toBe(ends)
  expect(partitionsIn(after)).toEqual(partitionNames(topic, PARTITIONS))
  await expectBrokerAgrees(after, pool)
  if (ends === 'cooperative-sticky') {
    // The second deployment: from now on a rebalance stops nobody.
    const second = await startPool({
      ...{ groupId, topics: [topic], handler: record.handler, workers: 2 },
      assignors: [ends],
    })
    await untilStable(groupId, 4)
    await pool.pool.stop()
    await until(() => second.pool.status().slots.every(({ assignment }) => assignment.length === PARTITIONS / 2), {
      what: 'the second pool to have everything',
    })
    await expectBrokerAgrees(await untilStable(groupId, 2), second)
  }
  const verdict = await record.untilNothingIsLost(await traffic.stop())
  expect(verdict).toMatchObject({ lost: [], unknown: [] })
})
