import { expect, inject, it } from 'vitest'
import { uniqueName } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { startPrivateBroker } from '../../support/cluster/private-broker.js'
import { rawClient } from '../../support/cluster/raw-client.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const NODES = [1, 2, 3]
const REQUEST_TIMEOUT_MS = 120_000
const BATCHES = 15
const EACH = 100
/** So that the thread holds a second's work and no more when its broker freezes. */
const PADDING = 'x'.repeat(4_096)

it.skipIf(inject('externalBroker'))(
  'a partition whose leader freezes with a Fetch goes on at its new leader long before the Fetch times out',
  async () => {
    const broker = await startPrivateBroker({ nodes: 3 })
    const { admin, producer } = broker.clients
    const groupId = uniqueName('group')
    const coordinator = await (await rawClient(broker.brokers)).findCoordinator(groupId)
    const [frozen = 0, heir = 0] = NODES.filter((node) => node !== coordinator)
    const topic = uniqueName('topic')
    const replicas = [frozen, heir, coordinator]
    const replicaAssignment = [{ partition: 0, replicas }]
    await admin.createTopics({ topics: [{ topic, replicaAssignment }], waitForLeaders: false })
    // Not every node knows the topic at once.
    const found = () => admin.fetchTopicMetadata({ topics: [topic] }).catch(() => ({ topics: [] }))
    await until(async () => (await found()).topics[0]?.partitions[0]?.leader === frozen, { what: 'the leader' })
    const message = { value: 'block:10', headers: { padding: PADDING } }
    for (let batch = 0; batch < BATCHES; batch++) await producer.send({ topic, messages: Array(EACH).fill(message) })
    const record = newRecord()
    const pool = await startPool({
      topics: [topic],
      handler: record.handler,
      workers: 1,
      groupId,
      // Main's own requests go to the one that freezes, too, as long as it answers.
      kafka: {
        brokers: [frozen, heir, coordinator].map((node) => broker.brokers[node - 1] ?? ''),
        requestTimeout: REQUEST_TIMEOUT_MS,
      },
    })
    await until(() => pool.status().totals.finished > EACH, { what: 'some work' })
    await broker.pause(frozen)
    const frozenAtMs = performance.now()
    const [before] = pool.status().slots[0]?.assignment ?? []
    expect(Number(before?.position)).toBeLessThan((BATCHES * EACH) / 2)
    await until(() => pool.status().totals.finished === BATCHES * EACH, {
      what: 'all of it',
      deadlineMs: REQUEST_TIMEOUT_MS * 1.5,
    })
    expect(performance.now() - frozenAtMs).toBeLessThan(REQUEST_TIMEOUT_MS * 0.75)
    await broker.resume(frozen)
    expect([pool.crashes(), pool.heard('offset:reset'), pool.status().totals.rebalances]).toEqual([[], [], 0])
    await until(() => pool.status().state === 'running', { what: 'the pool to be healthy' })
  },
  300_000,
)
