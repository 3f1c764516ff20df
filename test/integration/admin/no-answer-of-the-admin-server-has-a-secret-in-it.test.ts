import { beforeAll, describe, expect, inject, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { ask, post } from '../../support/admin/ask.js'
import { listenTo } from '../../support/admin/event-stream.js'
import { type SecuredBroker, startSecuredBroker } from '../../support/cluster/secured-broker.js'
import { collectLines } from '../../support/log-lines.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const TOKEN = 'a-token-that-nobody-else-knows'

describe.skipIf(inject('externalBroker'))('what the pool was given in confidence', () => {
  let broker: SecuredBroker
  beforeAll(async () => {
    broker = await startSecuredBroker()
  })

  test('is in no answer, no event and no line of log, while it works and when a handler fails', async () => {
    const topic = await broker.createTopic(1)
    await broker.clients.producer.send({ topic, messages: [{ partition: 0, value: 'flaky:1' }] })
    const { logger, lines } = collectLines()
    const { pool, status } = await startPool({
      ...{ topics: [topic], handler: newRecord().handler, workers: 1, logger },
      kafka: {
        ...{ brokers: broker.at('SASL_TLS'), ssl: { ca: broker.ca } },
        sasl: { mechanism: 'scram-sha-512', ...broker.credentials },
      },
      admin: { port: 0, token: TOKEN },
      retry: { initialDelayMs: 10 },
    })
    const headers = { authorization: `Bearer ${TOKEN}` }
    const url = (path: string) => `${pool.adminAddress}${path}`
    const events = await listenTo(url('/events'), headers)
    await until(() => status().totals.finished === 1, { what: 'the message' })
    const answers = await Promise.all([
      ...[
        '/livez',
        '/livez?verbose',
        '/readyz',
        '/readyz?verbose',
        '/status',
        '/metrics',
        '/metrics?partitions',
        '/no',
      ].map((path) => ask(url(path), { headers })),
      ...['/readyz?verbose', '/status'].map((path) => ask(url(path))),
      ask(url('/status'), { headers: { authorization: `Bearer ${TOKEN.slice(1)}` } }),
      post(url('/pause'), { topic }, headers),
      post(url('/resume'), { topic }, headers),
      post(url('/seek'), { topic, partition: 0, to: 'beginning' }, headers),
      post(url('/scale'), { slots: 0 }, headers),
      post(url('/log-level'), { level: 'trace' }, headers),
      post(url('/log-level'), { level: TOKEN.slice(1), password: broker.credentials.password.slice(1) }, headers),
    ])
    expect(answers.map((answered) => answered.status)).toEqual([
      200, 200, 200, 200, 200, 200, 200, 404, 200, 401, 401, 200, 200, 200, 409, 200, 400,
    ])
    await pool.stop()
    await events.ended
    const texts = [...answers.map(({ body, headers: of }) => body + JSON.stringify(of)), events.text()]
    expect(texts.join()).toContain('[hidden]')
    expect(texts.join()).toContain('message:failed')
    for (const secret of [TOKEN, broker.credentials.password]) {
      expect(texts.filter((text) => text.includes(secret))).toEqual([])
      expect(lines.filter((line) => JSON.stringify(line).includes(secret))).toEqual([])
    }
  })
})
