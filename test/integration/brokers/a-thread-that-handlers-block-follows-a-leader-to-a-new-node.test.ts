import { expect, inject, it } from 'vitest'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { startPrivateBroker } from '../../support/cluster/private-broker.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const BUSY = [1, 2, 3, 4, 5]
const EACH = 20
/** Longer than the connection timeout, and than a grace of a second behind it. */
const BLOCK_MS = 1_200
const CONNECTION_TIMEOUT_MS = 100

it.skipIf(inject('externalBroker'))(
  'a partition whose leader moves to a node that the thread never spoke to goes on while handlers block for longer than a connection may take',
  async () => {
    const broker = await startPrivateBroker({ nodes: 3 })
    const { admin, producer } = broker.clients
    const topic = uniqueName('moving')
    const replicaAssignment = [0, ...BUSY].map((partition) => ({ partition, replicas: [1] }))
    await admin.createTopics({ topics: [{ topic, replicaAssignment }], waitForLeaders: false })
    const leaderOf = async (partition: number) => {
      // Not every node knows the topic at once.
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }))
      return topics[0]?.partitions.find(({ partitionId }) => partitionId === partition)?.leader
    }
    await until(async () => (await leaderOf(0)) === 1, { what: 'the first leader' })
    const block = BUSY.flatMap((partition) =>
      Array.from({ length: EACH }, () => ({ partition, value: `block:${BLOCK_MS}` })),
    )
    await producer.send({ topic, messages: block })
    const record = newRecord()
    const pool = await startPool({
      topics: [topic],
      handler: record.handler,
      workers: 1,
      kafka: { brokers: broker.brokers, connectionTimeout: CONNECTION_TIMEOUT_MS, retry: { retries: 50 } },
    })
    await until(() => record.read().length > 1, { what: 'a handler that blocks', deadlineMs: 30_000 })

    const partitionAssignment = [{ partition: 0, replicas: [2] }]
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] })
    await until(async () => (await leaderOf(0)) === 2, { what: 'the new leader', deadlineMs: 30_000 })
    await producer.send({ topic, messages: [{ partition: 0, value: 'plain' }] })
    const moved = () => record.read().some(({ partition }) => partition === 0)
    const busy = () => record.read().filter(({ partition }) => partition !== 0).length
    await until(() => moved() || busy() === BUSY.length * EACH, { what: 'either of them', deadlineMs: 150_000 })
    expect(busy()).toBeLessThan((BUSY.length * EACH) / 2)
    expect(pool.crashes()).toEqual([])
  },
  240_000,
)
