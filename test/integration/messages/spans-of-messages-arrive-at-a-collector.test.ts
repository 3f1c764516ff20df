import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { createPool } from '../../support/pool/pool.js'

interface OtlpSpan {
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly status: { readonly code?: number; readonly message?: string }
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[]
}

interface OtlpRequest {
  readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[] }[]
}

/** A collector of OTLP as JSON over HTTP; threads and processes that are started from now on send there. */
const startCollector = async () => {
  const spans: OtlpSpan[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { resourceSpans } = JSON.parse(body) as OtlpRequest
    spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)))
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  onTestFinished(() => {
    delete process.env.OTEL_EXPORTER_OTLP_ENDPOINT
    server.closeAllConnections()
    server.close()
  })
  return spans
}

const attribute = ({ attributes }: OtlpSpan, key: string): unknown =>
  Object.values(attributes.find((each) => each.key === key)?.value ?? {})[0]

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const PARENT_ID = 'b7ad6b7169203331'

test.each([
  'thread',
  'process',
] as const)('of each %s, with their parents and failures, also what is not sent yet at a stop', async (isolation) => {
  const spans = await startCollector()
  const topic = await createTopic({ partitions: 1 })
  const { pool, status, groupId } = createPool({
    ...{ topics: [topic], workers: 1, isolation, tracing: true },
    handler: new URL('../../support/handlers/traced.mjs', import.meta.url),
    threadImports: [new URL('../../../examples/tracing/instrumentation.mjs', import.meta.url).href],
    retry: { initialDelayMs: 1, maxDelayMs: 1 },
  })
  await pool.start()
  const headers = { traceparent: `00-${TRACE_ID}-${PARENT_ID}-01` }
  await produce(topic, [
    { partition: 0, value: 'plain', headers },
    { partition: 0, value: 'flaky 1' },
  ])
  await until(() => status().totals.finished === 2, { what: 'both messages to be finished' })
  await pool.stop()

  const processed = spans.filter(({ name }) => name === `process ${topic}`)
  expect(processed.map((span) => [attribute(span, 'kafka_consumer_pool.attempt'), span.status.code ?? 0])).toEqual([
    [1, 0],
    [1, 2],
    [2, 0],
  ])
  const [first, failed] = processed
  expect(first).toMatchObject({ traceId: TRACE_ID, parentSpanId: PARENT_ID })
  expect(failed?.status.message).toBe('attempt 1')
  expect(first === undefined ? {} : attribute(first, 'messaging.consumer.group.name')).toBe(groupId)
  const inner = spans.filter(({ name }) => name === 'price the order')
  expect(inner.map(({ parentSpanId }) => parentSpanId)).toEqual([processed[0]?.spanId, processed[2]?.spanId])
})
