import { beforeAll, describe, expect, inject, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import type { ConsumerPoolOptions } from '#src/index.js'
import {
  type SecuredBroker,
  SHORT_SESSION_MS,
  startSecuredBroker,
  TOKEN_PROVIDER,
} from '../../support/cluster/secured-broker.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { collectLines } from '../../support/log-lines.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 2
const BLOCK_MS = SHORT_SESSION_MS + 1_500

describe.skipIf(inject('externalBroker'))('connections.max.reauth.ms', () => {
  let broker: SecuredBroker
  beforeAll(async () => {
    broker = await startSecuredBroker()
  })

  /** Every slot is blocked for longer than a session twice, with plain messages before, between and after. */
  const consumesOn = async (kafka: NonNullable<ConsumerPoolOptions['kafka']>): Promise<void> => {
    const { admin, producer } = broker.clients
    const topic = await broker.createTopic(PARTITIONS)
    const record = newRecord()
    const { logger, lines } = collectLines()
    const pool = await startPool({ topics: [topic], handler: record.handler, workers: 2, kafka, logger })
    const generations = () => pool.status().slots.map(({ seat }) => seat.generation)
    const [before, joined] = [generations(), pool.heard('group:joined').length]
    const traffic = await startTraffic(topic, { partitions: PARTITIONS, everyMs: 100, clients: { admin, producer } })
    const messages = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value: `block:${BLOCK_MS}` }))
    for (const round of [1, 2]) {
      await producer.send({ topic, messages })
      const blocked = () => record.read().filter(({ startMs, endMs }) => (endMs ?? 0) - startMs >= BLOCK_MS).length
      await until(() => blocked() >= round * PARTITIONS, { what: 'the handlers to come back', deadlineMs: 60_000 })
    }
    const verdict = await record.untilNothingIsLost(await traffic.stop())
    expect(verdict).toMatchObject({ lost: [], unknown: [], repeated: [] })
    expect(generations()).toEqual(before)
    expect(pool.status().totals).toMatchObject({ rebalances: 0, restarts: 0 })
    expect(pool.heard('group:joined')).toHaveLength(joined)
    expect(lines.filter(({ level }) => level >= 40)).toEqual([])
  }

  it('with plain costs no rebalance and no message', () =>
    consumesOn({ brokers: broker.at('SHORT'), sasl: { mechanism: 'plain', ...broker.credentials } }))

  it('with oauthbearer costs no rebalance and no message', () =>
    consumesOn({
      brokers: broker.at('SHORT'),
      sasl: { mechanism: 'oauthbearer', oauthBearerProvider: TOKEN_PROVIDER },
    }))

  it('with scram-sha-512 over TLS costs no rebalance and no message', () =>
    consumesOn({
      brokers: broker.at('SHORT_TLS'),
      ssl: { ca: broker.ca },
      sasl: { mechanism: 'scram-sha-512', ...broker.credentials },
    }))

  it('that is not renewed, because the password was taken away, is told; given back, it costs no message', async () => {
    const { admin, producer } = broker.clients
    const topic = await broker.createTopic(PARTITIONS)
    const record = newRecord()
    const { logger, lines } = collectLines()
    const kafka = { brokers: broker.at('SHORT'), sasl: { mechanism: 'scram-sha-256', ...broker.credentials } }
    const pool = await startPool({ topics: [topic], handler: record.handler, workers: 2, kafka, logger })
    const traffic = await startTraffic(topic, { partitions: PARTITIONS, everyMs: 100, clients: { admin, producer } })
    const user = ['--alter', '--entity-type', 'users', '--entity-name', broker.credentials.username]
    await broker.tool('kafka-configs', [...user, '--delete-config', 'SCRAM-SHA-256'])
    const told = () => lines.filter(({ level }) => level >= 40).map((line) => JSON.stringify(line))
    const tellsWhy = () => told().some((line) => line.includes('SASL_AUTHENTICATION_FAILED'))
    await until(tellsWhy, { what: 'the reason to be told', deadlineMs: 60_000, evidence: told })
    expect(told().join()).not.toContain(broker.credentials.password)
    await until(() => pool.status().state === 'degraded', { what: 'the pool to look as it is', evidence: told })

    const password = `SCRAM-SHA-256=[password=${broker.credentials.password}]`
    await broker.tool('kafka-configs', [...user, '--add-config', password])
    const verdict = await record.untilNothingIsLost(await traffic.stop())
    expect(verdict).toMatchObject({ lost: [], unknown: [] })
    await until(() => pool.status().state === 'running', { what: 'the seats to be let in again', evidence: told })
    expect(pool.status().totals.restarts).toBe(0)
  }, 180_000)
})
