import { inspect } from 'node:util'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { ConsumerPoolOptions } from '#src/index.js'
import { type SecuredBroker, startSecuredBroker } from '../../support/cluster/secured-broker.js'
import { collectLines } from '../../support/log-lines.js'
import { createPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

type KafkaOptions = NonNullable<ConsumerPoolOptions['kafka']>

/** What would be tried until it is given up: a minute. */
const PATIENT = { connectionTimeout: 10_000, retry: { retries: 6 } }
const HASTY = { connectionTimeout: 1_500, retry: { retries: 2, initialRetryTime: 50 } }
const AT_ONCE_MS = 30_000

const SECRET = 'not-the-password-5c1f'

describe.skipIf(inject('externalBroker'))('a client that is not let in', () => {
  let broker: SecuredBroker
  let topic = ''
  beforeAll(async () => {
    broker = await startSecuredBroker()
    topic = await broker.createTopic(1)
  })

  /** Resolves with the start's error, and sees to it that no secret is told to anybody. */
  const refusedStart = async (kafka: KafkaOptions): Promise<unknown> => {
    const { logger, lines } = collectLines('trace')
    const made = createPool({ topics: [topic], handler: newRecord().handler, workers: 2, kafka, logger })
    const error = await made.pool.start().then(
      () => 'it started',
      (reason: unknown) => reason,
    )
    const told = inspect([error, lines, made.status(), made.heard('pool:stopped')], {
      depth: 20,
      maxStringLength: null,
    })
    expect(told).not.toContain(SECRET)
    expect(told).not.toContain(Buffer.from(SECRET).toString('base64'))
    expect(made.status().state).toBe('stopped')
    return error
  }

  it.each([
    'plain',
    'scram-sha-256',
    'scram-sha-512',
  ])('with a wrong password for %s hears it at once', async (mechanism) => {
    const sasl = { mechanism, username: broker.credentials.username, password: SECRET }
    const beganAtMs = performance.now()
    const error = await refusedStart({ brokers: broker.at('SASL'), sasl, ...PATIENT })
    expect(performance.now() - beganAtMs).toBeLessThan(AT_ONCE_MS)
    expect(error).toMatchObject({ code: 'KCP_BROKER_REFUSED' })
    const [address] = broker.at('SASL')
    expect(String(error)).toMatch(new RegExp(`broker at ${address} refused .*Check the credentials in option sasl`))
  })

  it('with a token that the broker refuses hears it at once', async () => {
    const provider = `data:text/javascript,export default async () => ({ value: 'e30.${SECRET}.' })`
    const sasl = { mechanism: 'oauthbearer', oauthBearerProvider: provider }
    const error = await refusedStart({ brokers: broker.at('SASL'), sasl, ...PATIENT })
    expect(error).toMatchObject({ code: 'KCP_BROKER_REFUSED', message: expect.stringContaining('option sasl') })
  })

  it('with a mechanism that the listener does not have hears which option it is', async () => {
    const sasl = { mechanism: 'plain', username: 'alice', password: SECRET }
    const error = await refusedStart({ brokers: broker.at('SHORT_TLS'), ssl: { ca: broker.ca }, sasl, ...PATIENT })
    expect(error).toMatchObject({
      code: 'KCP_BROKER_REFUSED',
      message: expect.stringContaining('Choose a sasl.mechanism'),
    })
  })

  it('with SASL where there is none hears that it is too much', async () => {
    const sasl = { mechanism: 'plain', username: 'alice', password: SECRET }
    const error = await refusedStart({ brokers: broker.brokers, sasl, ...PATIENT })
    expect(error).toMatchObject({ code: 'KCP_BROKER_REFUSED', message: expect.stringContaining('remove option sasl') })
  })

  const mistaken: [string, () => KafkaOptions, string[]][] = [
    ['without SASL', () => ({ brokers: broker.at('SASL') }), ['does the listener want SASL?']],
    ['without TLS', () => ({ brokers: broker.at('TLS') }), ['the listener speaks TLS, and option ssl is not set']],
    ['with TLS where there is none', () => ({ brokers: broker.brokers, ssl: true }), ['does the listener speak TLS?']],
    ['that does not know the authority', () => ({ brokers: broker.at('TLS'), ssl: true }), ['ssl.ca']],
    [
      'that trusts another authority',
      () => ({ brokers: broker.at('TLS'), ssl: { ca: broker.stranger.ca } }),
      ['ssl.ca'],
    ],
    [
      'without a certificate',
      () => ({ brokers: broker.at('MUTUAL'), ssl: { ca: broker.ca } }),
      ['ssl.cert', 'ssl.key'],
    ],
    [
      'without a certificate under TLS 1.2',
      () => ({ brokers: broker.at('MUTUAL'), ssl: { ca: broker.ca, maxVersion: 'TLSv1.2' } }),
      ['ssl.cert', 'ssl.key'],
    ],
    [
      'with a certificate that the broker does not trust',
      () => ({ brokers: broker.at('MUTUAL'), ssl: { ...broker.stranger, ca: broker.ca } }),
      ['ssl.cert'],
    ],
    [
      'that expects another name',
      () => ({ brokers: broker.at('TLS'), ssl: { ca: broker.ca, servername: 'elsewhere' } }),
      ['ssl.servername'],
    ],
  ]

  it.each(mistaken)('%s hears which option it is', async (_, options, named) => {
    const kafka = options()
    const error = await refusedStart({ ...kafka, ...HASTY })
    expect(error).toMatchObject({ name: 'PoolError', code: 'KCP_BROKER_UNREACHABLE' })
    for (const text of [...(kafka.brokers as string[]), ...named]) expect(String(error)).toContain(text)
  })
})
