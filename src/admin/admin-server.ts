import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import type { AdminConfig } from '../config/resolved.js'
import type { PoolMeasures } from '../control/measures.js'
import type { PoolStatus } from '../control/status.js'
import { ErrorCode, PoolError } from '../errors.js'
import { monotonicMs } from '../util/clock.js'
import { RateLimit } from '../util/rate-limit.js'
import { every } from '../util/timers.js'
import type { Steerable } from './actions.js'
import { type Answer, answer, refusal, toJson } from './answer.js'
import { EventStreams } from './event-streams.js'
import { judge } from './guard.js'
import { type Health, liveness, readiness } from './health.js'
import { LoopWatch, TICK_MS } from './loop-watch.js'
import type { Metrics } from './metrics/metrics.js'
import { Orders } from './orders.js'
import { readBody } from './read-body.js'
import { isProbe, unknownWay } from './ways.js'

/** What of the pool is shown and steered. */
export interface Administered extends Steerable {
  status(): PoolStatus
  /** What metrics say beside the status. */
  measures(): PoolMeasures
}

export interface AdminServerOptions extends AdminConfig {
  readonly pool: Administered
  readonly log: Logger
}

/** For so long one look at the pool does for all who ask: looking costs the main thread, and many may ask. */
const LOOK_MS = 100
/** The same for metrics, which cost more: 10 ms for 64 slots, and 30 for 1,000 partitions. */
const SCRAPE_MS = 1_000
const BEAT_TICKS = 5
const MAX_CONNECTIONS = 64
const LIMITS = { headersTimeout: 5_000, requestTimeout: 10_000, keepAliveTimeout: 5_000, maxHeaderSize: 8 * 1024 }
/** Who neither says nor takes anything for so long is cut off. Streams of events have a heartbeat. */
const IDLE_MS = 20_000

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
}

const isVerbose = (query: string | undefined): boolean => new URLSearchParams(query).has('verbose')

/** @param isTrusted who is not hears yes or no: reasons name topics, and what was thrown */
const probe = ({ ok, state, checks, onHold }: Health, verbose: boolean, isTrusted: boolean): Answer => {
  const reasons = checks.flatMap((check) => check.reasons)
  return answer(ok ? 200 : 503, isTrusted ? { ok, state, ...(verbose ? { checks, onHold } : { reasons }) } : { ok })
}

/** What was seen of the pool last, and the same as JSON once somebody wanted it. */
interface Look {
  readonly status: PoolStatus
  readonly atMs: number
  json: string | null
}

/** Says over HTTP how a pool is, and takes orders for it. */
export class AdminServer {
  readonly #options: AdminServerOptions
  readonly #server: Server
  readonly #streams = new EventStreams()
  readonly #orders: Orders
  readonly #watch = new LoopWatch(monotonicMs())
  readonly #warnings = new RateLimit(1)
  /** Whoever asks again and again shall not fill the log. */
  readonly #faults = new RateLimit(1)
  #timer: NodeJS.Timeout | undefined
  #ticks = 0
  #look: Look | null = null
  #isClosed = false
  #metrics: Metrics | null = null
  #measures: { readonly of: PoolMeasures; readonly atMs: number } | null = null
  /** The last text without and with partitions. */
  readonly #scrapes = new Map<boolean, { readonly atMs: number; readonly text: Promise<string> }>()

  constructor(options: AdminServerOptions) {
    this.#options = options
    this.#orders = new Orders(options.pool, options.log)
    this.#server = createServer({ ...LIMITS, connectionsCheckingInterval: 1_000 }, (request, response) => {
      this.#serve(request, response).catch((err: unknown) => this.#failed(response, err))
    })
    this.#server.maxConnections = MAX_CONNECTIONS
    this.#server.timeout = IDLE_MS
  }

  /** `http://127.0.0.1:9464`, with the port that was found if any would do; null while it does not listen. */
  get address(): string | null {
    const place = this.#server.address() as AddressInfo | null
    if (place === null) return null
    return `http://${place.family === 'IPv6' ? `[${place.address}]` : place.address}:${place.port}`
  }

  /** @throws {@link PoolError} `KCP_ADMIN_NOT_LISTENING` */
  async listen(): Promise<void> {
    const { host, port, log } = this.#options
    // Only here: who wants no admin server need not load what counts.
    const { Metrics } = await import('./metrics/metrics.js')
    this.#metrics = new Metrics(
      () => this.#lookAtPool().status,
      () => this.#measurePool(),
    )
    if (this.#isClosed) return
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) => reject(notListening(host, port, cause)))
      this.#server.listen({ host, port, exclusive: true }, resolve)
    })
    if (this.#isClosed) {
      this.#server.close()
      return
    }
    this.#server.removeAllListeners('error').on('error', (err) => log.error({ err }, 'admin server: fault'))
    this.#timer = every(() => this.#tick(), TICK_MS)
    log.info({ address: this.address }, 'admin server listening')
  }

  /** What the pool says is counted, and heard by who listens to `/events`. Never throws. */
  tell(event: string, payload: unknown): void {
    try {
      this.#streams.tell(event, payload)
      this.#metrics?.tell(event, payload)
    } catch (err) {
      this.#fault({ err, event })
    }
  }

  /** Ends every connection, whatever it waits for. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    this.#orders.close()
    if (!this.#server.listening) return
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#streams.close()
    // What was written last is on its way then.
    setImmediate(() => this.#server.closeAllConnections())
    await closed
  }

  #tick(): void {
    this.#watch.tick(monotonicMs())
    this.#ticks += 1
    if (this.#ticks % BEAT_TICKS === 0) this.#streams.beat()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // The client is gone: nobody is left to be told.
    request.on('error', () => {})
    response.on('error', () => {})
    const { headers, method = '' } = request
    const [path = '', query] = (request.url ?? '').split('?', 2)
    const verdict = judge(
      {
        ...{ method, host: headers.host, origin: headers.origin },
        fetchSite: headers['sec-fetch-site'] as string | undefined,
        contentType: headers['content-type'],
        authorization: headers.authorization,
      },
      this.#options,
      isProbe(path),
    )
    if (verdict.refused !== null) {
      this.#warn(request, verdict.refused)
      send(response, verdict.refused)
      return
    }
    const metrics = this.#metrics
    const misled = unknownWay(method, path)
    if (misled !== null) send(response, misled)
    else if (method === 'POST') await this.#order(path, request, response)
    else if (path === '/events') this.#listenIn(response)
    else if (path === '/metrics' && metrics !== null)
      send(response, await this.#measure(metrics, new URLSearchParams(query).has('partitions')))
    else send(response, this.#show(path, isVerbose(query), verdict.isTrusted))
  }

  #show(path: string, verbose: boolean, isTrusted: boolean): Answer {
    const look = this.#lookAtPool()
    if (path === '/livez') {
      return probe(liveness(look.status.state, this.#watch.hang(monotonicMs())), verbose, isTrusted)
    }
    if (path === '/readyz') return probe(readiness(look.status), verbose, isTrusted)
    look.json ??= toJson(look.status)
    return { status: 200, body: look.json }
  }

  async #measure(metrics: Metrics, withPartitions: boolean): Promise<Answer> {
    const atMs = monotonicMs()
    const last = this.#scrapes.get(withPartitions)
    const scrape =
      last !== undefined && atMs - last.atMs < SCRAPE_MS ? last : { atMs, text: metrics.text(withPartitions) }
    this.#scrapes.set(withPartitions, scrape)
    return { status: 200, body: await scrape.text, headers: { 'content-type': metrics.contentType } }
  }

  #lookAtPool(): Look {
    const atMs = monotonicMs()
    if (this.#look === null || atMs - this.#look.atMs > LOOK_MS) {
      this.#look = { status: this.#options.pool.status(), atMs, json: null }
    }
    return this.#look
  }

  #measurePool(): PoolMeasures {
    const atMs = monotonicMs()
    if (this.#measures === null || atMs - this.#measures.atMs > LOOK_MS) {
      this.#measures = { of: this.#options.pool.measures(), atMs }
    }
    return this.#measures.of
  }

  async #order(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request)
    if (typeof body !== 'string') {
      send(response, body)
      return
    }
    const answered = await this.#orders.carryOut(path, body, request.socket.remoteAddress)
    this.#look = null
    send(response, answered)
  }

  #listenIn(response: ServerResponse): void {
    // It would take a place without being heard, and nothing would say that its connection is over.
    if (response.socket === null) {
      send(response, refusal(400, 'events come over a connection of their own, and not behind other answers'))
      return
    }
    if (!this.#streams.hasRoom) {
      send(response, refusal(503, 'too many listen to events already', { 'retry-after': '5' }))
      return
    }
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream', connection: 'close' })
    this.#streams.add(response)
  }

  #warn({ method, socket }: IncomingMessage, { status, body }: Answer): void {
    if ((status === 401 || status === 403) && this.#warnings.allows(monotonicMs())) {
      this.#options.log.warn({ method, status, from: socket.remoteAddress }, `admin: refused ${body}`)
    }
  }

  #fault(what: { readonly err: unknown; readonly event?: string }): void {
    if (this.#faults.allows(monotonicMs())) this.#options.log.error(what, 'admin server: fault. Please report this')
  }

  #failed(response: ServerResponse, err: unknown): void {
    this.#fault({ err })
    if (response.headersSent) response.destroy()
    else send(response, refusal(500, 'a fault of the admin server, which is in the log'))
  }
}

/** What is refused ends its connection, so that nobody need read what it may still send. */
const send = (response: ServerResponse, { status, body, headers }: Answer): void => {
  response.writeHead(status, {
    ...HEADERS,
    ...(status >= 400 && status !== 409 && status !== 503 ? { connection: 'close' } : {}),
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}

const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken. Choose another admin.port, or 0 for any that is free',
  EACCES: 'this user may not listen there. Choose an admin.port from 1024',
  EADDRNOTAVAIL: 'this machine has no such address. Change admin.host',
  ENOTFOUND: 'this name has no address. Change admin.host',
}

const notListening = (host: string, port: number, cause: NodeJS.ErrnoException): PoolError =>
  new PoolError(
    ErrorCode.adminNotListening,
    `the admin server cannot listen at ${host} port ${port}: ${REMEDIES[cause.code ?? ''] ?? cause.message}`,
    { cause },
  )
