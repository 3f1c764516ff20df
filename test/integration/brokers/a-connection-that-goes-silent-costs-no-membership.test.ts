import { expect, inject, it } from 'vitest'
import { freePorts } from '#scripts/kafka/ports.js'
import { machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { startPrivateBroker } from '../../support/cluster/private-broker.js'
import { rawClient } from '../../support/cluster/raw-client.js'
import { startSwallowingProxy } from '../../support/cluster/swallowing-proxy.js'
import { startPool, type TestPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const SESSION_MS = 12_000

/** Does something to the pool's connections and sees to it that nothing of that is noticed until their session is over. */
const expectUnnoticed = async (pool: TestPool, act: () => unknown): Promise<void> => {
  const before = pool.status().slots.map(({ seat }) => seat)
  await act()
  const actedAtMs = machineMs()
  const looks = new Set<string>()
  const isOver = () => {
    looks.add(pool.status().state)
    return machineMs() > actedAtMs + 1.5 * SESSION_MS
  }
  await until(isOver, { what: 'the session to be over' })
  // A lease that has run out, or a membership that was lost, is not healthy.
  expect([...looks]).toEqual(['running'])
  expect(pool.status().slots.map(({ seat }) => seat)).toEqual(before)
  expect(pool.heard('group:joined')).toHaveLength(2)
}

it.skipIf(inject('externalBroker'))(
  'seats whose connections go silent are members still when the session would have been over',
  async () => {
    const [port] = (await freePorts(1)) as [number]
    const proxy = await startSwallowingProxy(port)
    const broker = await startPrivateBroker({
      port,
      properties: { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}` },
    })
    const topic = await broker.createTopic(2)
    const pool = await startPool({
      topics: [topic],
      handler: newRecord().handler,
      workers: 2,
      kafka: { brokers: [`127.0.0.1:${proxy.port}`] },
      consumer: { sessionTimeout: SESSION_MS },
    })
    await expectUnnoticed(pool, () => expect(proxy.swallow()).toBeGreaterThan(2))
  },
  180_000,
)

it.skipIf(inject('externalBroker'))(
  'seats whose coordinator freezes find the next one before their session is over',
  async () => {
    const broker = await startPrivateBroker({ nodes: 3 })
    const pool = await startPool({
      topics: [await broker.createTopic(2)],
      handler: newRecord().handler,
      workers: 2,
      kafka: { brokers: broker.brokers },
      consumer: { sessionTimeout: SESSION_MS },
    })
    const node = await (await rawClient(broker.brokers)).findCoordinator(pool.groupId)
    await expectUnnoticed(pool, () => broker.pause(node))
    await broker.resume(node)
  },
  180_000,
)

it.skipIf(inject('externalBroker'))(
  'a stop stores what is finished, and leaves, although the connection for its commits has gone silent',
  async () => {
    const [port] = (await freePorts(1)) as [number]
    const proxy = await startSwallowingProxy(port)
    const broker = await startPrivateBroker({
      port,
      properties: { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}` },
    })
    const topic = await broker.createTopic(1)
    await broker.clients.producer.send({ topic, messages: [{ value: 'plain' }, { value: 'plain' }] })
    const { pool, groupId, status } = await startPool({
      topics: [topic],
      handler: newRecord().handler,
      workers: 1,
      kafka: { brokers: [`127.0.0.1:${proxy.port}`] },
      // Nothing but the commit of the stop.
      commitIntervalMs: 600_000,
    })
    await until(() => status().totals.finished === 2, { what: 'the messages to be handled' })
    expect(proxy.swallow()).toBeGreaterThan(2)
    await pool.stop()
    const fresh = await rawClient([`127.0.0.1:${proxy.port}`])
    const node = await fresh.findCoordinator(groupId)
    expect(await fresh.committedOffsets(node, groupId, [{ topic, partition: 0 }])).toMatchObject([{ offset: 2n }])
    expect((await fresh.describeGroup(node, groupId)).members).toEqual([])
  },
  180_000,
)
