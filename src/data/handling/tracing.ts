import type * as OpenTelemetry from '@opentelemetry/api'
import type { Context, Span, TextMapGetter, TracerProvider } from '@opentelemetry/api'
import type { Logger } from 'pino'
import { ErrorCode, PoolError } from '../../errors.js'
import { loadModule } from '../../kafka/load-module.js'
import type { Message, MessageHeaders } from '../../kafka/message.js'
import { toErrorData } from '../../protocol/error-data.js'
import { within } from '../../util/within.js'
import type { Handler, HandlerContext } from '../handler.js'

type Api = typeof OpenTelemetry

const PACKAGE = '@opentelemetry/api'

export interface TracingOptions {
  readonly api: Api
  readonly groupId: string
  readonly log: Logger
}

/** What SDKs have beside the API. */
type Flushable = TracerProvider & { readonly forceFlush?: () => Promise<unknown> }
type Proxy = TracerProvider & { readonly getDelegate?: () => TracerProvider }

/**
 * The API as the application has it: an SDK registers itself there, and nowhere else.
 *
 * @throws {PoolError} `KCP_MODULE_NOT_USABLE`
 */
export const loadTracingApi = async (name = PACKAGE): Promise<Api> => {
  const { named } = await loadModule(name, 'tracing').catch((cause: unknown) => {
    const what = `tracing: true needs the package ${name}, which cannot be loaded: ${toErrorData(cause).message}`
    const remedy = `Install it beside this one (npm install ${name}), or set tracing: false`
    throw new PoolError(ErrorCode.moduleNotUsable, `${what}. ${remedy}`, { cause })
  })
  return named as unknown as Api
}

const textOf = (value: MessageHeaders[string] | undefined): string | string[] | undefined => {
  if (value === undefined || value === null) return undefined
  return Buffer.isBuffer(value)
    ? value.toString()
    : (value as readonly (Buffer | null)[]).map((each) => each?.toString() ?? '')
}

const HEADERS: TextMapGetter<MessageHeaders> = {
  keys: (headers) => Object.keys(headers),
  get: (headers, name) => textOf(headers[name]),
}

/** A span for each call of a handler, which runs inside it. */
export class Tracing {
  readonly #options: TracingOptions
  readonly #tracer: OpenTelemetry.Tracer
  #hasFailed = false

  constructor(options: TracingOptions) {
    this.#options = options
    this.#tracer = options.api.trace.getTracer('kafka-consumer-pool')
  }

  /** Whether something in this thread has registered itself, so that spans go anywhere. */
  get isHeard(): boolean {
    return this.#provider.constructor.name !== 'NoopTracerProvider'
  }

  /**
   * The handler with a span around each call.
   *
   * It has the names of OpenTelemetry's conventions for messaging. A tracer, sampler or propagator that throws harms no message:
   * it is handled without a span.
   */
  around(handler: Handler): Handler {
    const { context: contexts } = this.#options.api
    return (message, context) => {
      const begun = this.#begin(message, context)
      if (begun === null) return handler(message, context)
      const { span, inside } = begun
      let called: { readonly result: unknown } | { readonly thrown: unknown } | null = null
      const call = () => {
        try {
          called = { result: handler(message, context) }
        } catch (thrown) {
          called = { thrown }
        }
        return called
      }
      try {
        contexts.with(inside, call)
      } catch (error) {
        this.#failed(error)
      }
      const outcome = called ?? call() // the SDK may have failed before it came to the handler, or after that
      if ('thrown' in outcome) {
        this.#end(span, outcome)
        throw outcome.thrown
      }
      const { result } = outcome
      const isThenable = typeof (result as { readonly then?: unknown } | null | undefined)?.then === 'function'
      if (isThenable) return this.#settled(result, span)
      this.#end(span, null)
      return result
    }
  }

  /** What was recorded is handed over, as far as that takes no longer. Never rejects. */
  async flush(timeoutMs: number): Promise<void> {
    try {
      const flushed = this.#provider.forceFlush?.()
      if (flushed === undefined || (await within(Promise.resolve(flushed).catch(this.#failed), timeoutMs))) return
      this.#options.log.warn(
        { timeoutMs },
        'spans were not handed over in time, and what is left is lost. Does the collector answer?',
      )
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Who has registered after the API was loaded stands behind a proxy. */
  get #provider(): Flushable {
    const provider: Proxy = this.#options.api.trace.getTracerProvider()
    return provider.getDelegate?.() ?? provider
  }

  #begin(message: Message, context: HandlerContext): { readonly span: Span; readonly inside: Context } | null {
    const { api, groupId } = this.#options
    try {
      const parent = api.propagation.extract(api.ROOT_CONTEXT, message.headers, HEADERS)
      const attributes = {
        'messaging.system': 'kafka',
        'messaging.operation.type': 'process',
        'messaging.operation.name': 'process',
        'messaging.destination.name': message.topic,
        'messaging.destination.partition.id': String(message.partition),
        'messaging.kafka.offset': Number(message.offset),
        'messaging.consumer.group.name': groupId,
        'messaging.client.id': context.clientId,
        'kafka_consumer_pool.slot': context.slot,
        'kafka_consumer_pool.attempt': context.attempt,
      }
      const name = `process ${message.topic}`
      const span = this.#tracer.startSpan(name, { kind: api.SpanKind.CONSUMER, attributes }, parent)
      return { span, inside: api.trace.setSpan(parent, span) }
    } catch (error) {
      this.#failed(error)
      return null
    }
  }

  async #settled(result: unknown, span: Span): Promise<unknown> {
    let value: unknown
    try {
      value = await result
    } catch (thrown) {
      this.#end(span, { thrown })
      throw thrown
    }
    this.#end(span, null)
    return value
  }

  #end(span: Span, failure: { readonly thrown: unknown } | null): void {
    try {
      if (failure !== null) {
        const { name, message, stack = '', code } = toErrorData(failure.thrown)
        span.recordException({ name, message, stack, ...(code !== undefined && { code }) })
        span.setAttribute('error.type', code ?? name)
        span.setStatus({ code: this.#options.api.SpanStatusCode.ERROR, message })
      }
      span.end()
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Said once: it may be so with every message. */
  readonly #failed = (err: unknown): void => {
    if (this.#hasFailed) return
    this.#hasFailed = true
    this.#options.log.warn({ err }, 'tracing fails in this thread: spans are lost, messages are handled all the same')
  }
}
