import { context as contexts, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'
import * as conventions from '@opentelemetry/semantic-conventions/incubating'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Handler, HandlerContext } from '#src/data/handler.js'
import { loadTracingApi, Tracing } from '#src/data/handling/tracing.js'
import { DispatcherBench } from '../../../support/data/dispatcher-bench.js'
import { soon } from '../../../support/data/soon.js'
import { collectLines } from '../../../support/log-lines.js'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const SPAN_ID = 'b7ad6b7169203331'

const exporter = new InMemorySpanExporter()
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })

beforeAll(() => provider.register())
beforeEach(() => exporter.reset())
afterAll(() => provider.shutdown())

const message = (headers: Record<string, Buffer | Buffer[] | null> = {}) =>
  ({ topic: 'orders', partition: 3, offset: '42', headers }) as never
const context = { slot: 2, attempt: 1, clientId: 'pool-2' } as HandlerContext

const tracing = async () => {
  const { logger: log } = collectLines()
  const api = await loadTracingApi()
  return { api, tracing: new Tracing({ api, groupId: 'group', log }) }
}

const traced = async (handler: Handler): Promise<Handler> => (await tracing()).tracing.around(handler)

const only = (): ReadableSpan => {
  const spans = exporter.getFinishedSpans()
  expect(spans).toHaveLength(1)
  return spans[0] as ReadableSpan
}

test('a message has a span with the names of the conventions', async () => {
  const handler = await traced(() => 'done')
  expect(handler(message(), context)).toBe('done')
  const span = only()
  expect(span).toMatchObject({
    name: 'process orders',
    kind: SpanKind.CONSUMER,
    status: { code: SpanStatusCode.UNSET },
  })
  expect(span.parentSpanContext).toBeUndefined()
  expect(span.attributes).toEqual({
    'messaging.system': 'kafka',
    'messaging.operation.type': 'process',
    'messaging.operation.name': 'process',
    'messaging.destination.name': 'orders',
    'messaging.destination.partition.id': '3',
    'messaging.kafka.offset': 42,
    'messaging.consumer.group.name': 'group',
    'messaging.client.id': 'pool-2',
    'kafka_consumer_pool.slot': 2,
    'kafka_consumer_pool.attempt': 1,
  })
  const known = Object.values(conventions as Record<string, unknown>)
  const unknown = Object.keys(span.attributes).filter((name) => name.startsWith('messaging.') && !known.includes(name))
  expect(unknown).toEqual([])
})

test('its parent is whoever wrote the message, as the headers say', async () => {
  const traceparent = Buffer.from(`00-${TRACE_ID}-${SPAN_ID}-01`)
  await (await traced(() => {}))(message({ other: null, twice: [traceparent], traceparent }), context)
  expect(only().spanContext().traceId).toBe(TRACE_ID)
  expect(only().parentSpanContext).toMatchObject({ spanId: SPAN_ID, isRemote: true })
})

test('the handler runs inside the span, and what it goes on with later does', async () => {
  const seen: (string | undefined)[] = []
  const note = () => void seen.push(trace.getActiveSpan()?.spanContext().spanId)
  const handler = await traced(async () => {
    note()
    await new Promise((resolve) => setImmediate(resolve))
    note()
    trace.getTracer('test').startSpan('inner').end()
    return 7
  })
  expect(await handler(message(), context)).toBe(7)
  const [inner, outer] = exporter.getFinishedSpans()
  expect(inner?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId)
  expect(seen).toEqual([outer?.spanContext().spanId, outer?.spanContext().spanId])
  expect(trace.getSpan(contexts.active())).toBeUndefined()
})

describe('an error', () => {
  const fails: [string, Handler][] = [
    [
      'that is thrown',
      () => {
        throw Object.assign(new TypeError('no'), { code: 'E_NO' })
      },
    ],
    ['of a promise', () => Promise.reject(Object.assign(new TypeError('no'), { code: 'E_NO' }))],
  ]
  test.each(fails)('%s is recorded, and the same as without tracing', async (_, fail) => {
    const handler = await traced(fail)
    const error = await (async () => handler(message(), context))().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(TypeError)
    const { status, events, attributes } = only()
    expect(status).toEqual({ code: SpanStatusCode.ERROR, message: 'no' })
    expect(attributes['error.type']).toBe('E_NO')
    expect(events).toMatchObject([
      { name: 'exception', attributes: { 'exception.message': 'no', 'exception.stacktrace': expect.any(String) } },
    ])
  })

  test.each([
    [null],
    [
      {
        get message() {
          throw new Error('hostile')
        },
      },
    ],
  ])('of any kind harms nothing: %#', async (thrown) => {
    const handler = await traced(() => {
      throw thrown
    })
    const caught: unknown[] = []
    try {
      handler(message(), context)
    } catch (error) {
      caught.push(error)
    }
    expect(caught[0]).toBe(thrown)
    expect(only().status.code).toBe(SpanStatusCode.ERROR)
  })
})

test('a thenable is awaited once: some begin their work with that', async () => {
  let begun = 0
  const lazy = {
    // biome-ignore lint/suspicious/noThenProperty: as query builders are
    then(resolve: (value: string) => void) {
      begun++
      resolve('rows')
    },
  }
  expect(await (await traced(() => lazy))(message(), context)).toBe('rows')
  expect(begun).toBe(1)
})

test('what fails in the SDK costs the span and not the message, and is said once', async () => {
  const { api } = await tracing()
  const broken = {
    ...api,
    propagation: {
      ...api.propagation,
      extract: () => {
        throw new Error('no propagator')
      },
    },
  } as unknown as typeof api
  const said = collectLines()
  const handler = new Tracing({ api: broken, groupId: 'group', log: said.logger }).around(() => 'handled')
  expect([handler(message(), context), handler(message(), context)]).toEqual(['handled', 'handled'])
  expect(said.lines.filter(({ msg }) => String(msg).startsWith('tracing fails'))).toHaveLength(1)
})

test.each([
  'extracts nothing',
  'fails before it calls',
  'fails after it has called',
])('an SDK that %s costs no message, and the handler is called once', async (fault) => {
  const { api } = await tracing()
  const fails = (): never => {
    throw new Error('no context')
  }
  const broken = {
    ...api,
    propagation: {
      ...api.propagation,
      extract: fault === 'extracts nothing' ? () => undefined : () => api.ROOT_CONTEXT,
    },
    context: {
      with: (inside: unknown, call: () => unknown) => {
        if (fault === 'fails before it calls') fails()
        const result = api.context.with(inside as typeof api.ROOT_CONTEXT, call)
        return fault === 'fails after it has called' ? fails() : result
      },
    },
  } as unknown as typeof api
  let calls = 0
  const said = collectLines()
  const handler = new Tracing({ api: broken, groupId: 'group', log: said.logger }).around(() => {
    calls += 1
    return 'handled'
  })
  expect([handler(message(), context), calls]).toEqual(['handled', 1])
  const thrown = new Tracing({ api: broken, groupId: 'group', log: said.logger }).around(() => {
    throw new Error('of the handler')
  })
  expect(() => thrown(message(), context)).toThrow('of the handler')
})

test('each attempt has a span, which says which one it is, in the same trace', async () => {
  const { tracing: on } = await tracing()
  const bench = new DispatcherBench(
    on.around((_, { attempt }) => {
      if (attempt < 3) throw new Error('again')
    }),
  )
  const [partition] = bench.assign({ partition: 0 })
  if (partition === undefined) throw new Error('no partition')
  bench.feed(partition, [0])
  await soon('it is finished', () => bench.finishedUpTo(partition) === 1)
  const spans = exporter.getFinishedSpans()
  expect(spans.map(({ attributes }) => attributes['kafka_consumer_pool.attempt'])).toEqual([1, 2, 3])
})

test('a package that is not there is named, with what to do', async () => {
  await expect(loadTracingApi('@opentelemetry/nowhere')).rejects.toMatchObject({
    code: 'KCP_MODULE_NOT_USABLE',
    message: expect.stringMatching(
      /tracing: true needs the package .*npm install @opentelemetry\/nowhere\), or set tracing: false/,
    ),
  })
})

test('whether an SDK is registered is known', async () => {
  const { tracing: on } = await tracing()
  expect(on.isHeard).toBe(true)
  trace.disable()
  expect((await tracing()).tracing.isHeard).toBe(false)
  provider.register()
})
