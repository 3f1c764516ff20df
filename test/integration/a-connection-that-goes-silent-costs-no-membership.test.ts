import { expect, inject, it } from 'vitest'
import { freePorts } from '#scripts/kafka/ports.js'
import { startPool } from '../support/pool.js'
import { startPrivateBroker } from '../support/private-broker.js'
import { machineMs, newRecord } from '../support/record.js'
import { startSwallowingProxy } from '../support/swallowing-proxy.js'
import { until } from '../support/until.js'

const SESSION_MS = 12_000

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
    const before = pool.status().slots.map(({ seat }) => seat)
    expect(proxy.swallow()).toBeGreaterThan(2)
    const silentAtMs = machineMs()
    await until(() => machineMs() > silentAtMs + 1.5 * SESSION_MS, { what: 'the session to be over' })
    // A lease that has run out, or a membership that was lost, is not healthy.
    expect(pool.status().state).toBe('running')
    expect(pool.status().slots.map(({ seat }) => seat)).toEqual(before)
    expect(pool.heard('group:joined')).toHaveLength(2)
  },
  180_000,
)
