import type { Socket } from 'node:net'
import { type Address, formatAddress } from './address.js'
import { pickVersion } from './api-versions.js'
import type { Answer, ApiName, Ask } from './apis.js'
import { KafkaError } from './face.js'
import { strangerBehind } from './first-bytes.js'
import type { ApiRanges, KafkajsConnection, KafkajsLogger, KafkajsProtocol, SocketFactory } from './internals.js'
import { connectionError, timedOutError, toKafkaError } from './kafka-errors.js'
import { RequestTimer } from './request-timer.js'
import { kafkajs } from './verify-kafkajs.js'

export interface LinkSettings {
  readonly clientId: string
  readonly ssl: object | boolean | null
  readonly sasl: object | null
  readonly authenticationTimeoutMs: number
  readonly reauthenticationThresholdMs: number
  readonly requestTimeoutMs: number
  readonly logger: KafkajsLogger
  readonly openSocket: SocketFactory
}

interface AskOptions {
  /** How long the broker may hold the answer back on purpose (the wait of a Fetch, the rebalance of a JoinGroup). */
  readonly holdMs?: number
  /** @default the request timeout of the settings */
  readonly timeoutMs?: number
}

/** How long kafkajs's own connection timer outlives ours, which must be the first. */
const AFTER_OURS_MS = 1_000

/** Codes of errors that may mean: the other side does not speak what we do. */
const SPEAKS_OTHERWISE = /^(ECONNRESET|EPROTO|ERR_SSL_.*)$/

type Reject = (reason: KafkaError) => void

/**
 * One socket to one broker, from connecting to its death. It is never connected again: kafkajs's connection keeps half
 * an answer of the old socket in its buffer and would take the new one's bytes for the rest of it.
 */
export class Link {
  readonly address: Address
  readonly #settings: LinkSettings
  readonly #connection: KafkajsConnection
  readonly #pending = new Set<Reject>()
  #socket: Socket | undefined
  #ranges: ApiRanges = {}
  #phase: 'connecting' | 'greeting' | 'authenticating' | 'open' = 'connecting'
  #death: KafkaError | null = null
  readonly #stepMs: number
  /** Until when the broker may hold answers back (ms of `performance.now`), one entry for each request in flight. */
  readonly #holds = new Set<{ readonly untilMs: number }>()
  #throttledUntilMs = 0

  /** @param stepMs how long connecting may take, and again the broker's first answer */
  constructor(address: Address, settings: LinkSettings, stepMs: number) {
    this.address = address
    this.#settings = settings
    this.#stepMs = stepMs
    const { clientId, ssl, sasl, logger, openSocket, requestTimeoutMs, reauthenticationThresholdMs } = settings
    this.#connection = new (kafkajs().Connection)({
      ...address,
      clientId,
      ssl,
      // kafkajs stores the authenticator in it.
      sasl: sasl === null ? null : { ...sasl },
      logger,
      socketFactory: (options) => this.#watch(openSocket(options)),
      reauthenticationThreshold: reauthenticationThresholdMs,
      requestTimeout: requestTimeoutMs,
      connectionTimeout: stepMs + AFTER_OURS_MS,
      enforceRequestTimeout: false,
    })
  }

  get isDead(): boolean {
    return this.#death !== null
  }

  get isOpen(): boolean {
    return this.#phase === 'open' && !this.isDead
  }

  /** True while the broker holds a request back; it answers no other one before that. */
  get isHeld(): boolean {
    return this.#holds.size > 0
  }

  /** What this broker speaks. */
  get ranges(): ApiRanges {
    return this.#ranges
  }

  get #name(): string {
    return formatAddress(this.address)
  }

  /** Connects, asks for the versions, authenticates. Rejects with a {@link KafkaError}, and is dead then. */
  async open(): Promise<void> {
    try {
      await this.#guarded('connecting', this.#stepMs, () => this.#connection.connect())
      this.#phase = 'greeting'
      this.#ranges = await this.#askVersions()
      this.#connection.setVersions(this.#ranges)
      this.#connection.setSupportAuthenticationProtocol(this.#ranges[kafkajs().apiKeys.SaslAuthenticate] !== undefined)
      this.#phase = 'authenticating'
      const { authenticationTimeoutMs } = this.#settings
      await this.#guarded('authentication', authenticationTimeoutMs, () => this.#connection.authenticate())
      this.#phase = 'open'
    } catch (error) {
      const reason = toKafkaError(error, `connecting to ${this.#name}`)
      this.destroy(reason)
      throw reason
    }
  }

  /**
   * Sends a request in the highest version that both sides speak. Resolves with the decoded answer, error codes and all.
   *
   * @param versions those that may be used; default: all that kafkajs has
   */
  async ask<K extends ApiName>(
    api: K,
    ask: Ask<K>,
    { versions, ...options }: AskOptions & { readonly versions?: readonly number[] } = {},
  ): Promise<Answer<K>> {
    const module = kafkajs().requests[api]
    const version = pickVersion(this.#ranges, api, versions ?? module.versions.map(Number))
    return this.send(module.protocol({ version })(ask), options)
  }

  /** Like {@link ask}, for a request that was put together by hand. */
  async send<T>({ request, response }: KafkajsProtocol<T>, options: AskOptions = {}): Promise<T> {
    const { holdMs = 0, timeoutMs = this.#settings.requestTimeoutMs } = options
    const now = performance.now()
    const silentUntilMs = Math.max(now, this.#throttledUntilMs, ...[...this.#holds].map((hold) => hold.untilMs))
    const hold = { untilMs: silentUntilMs + holdMs }
    if (holdMs > 0) this.#holds.add(hold)
    const decode = async (raw: Buffer): Promise<T> => {
      const answer = await response.decode(raw)
      const { clientSideThrottleTime = 0 } = answer as { clientSideThrottleTime?: number }
      this.#throttledUntilMs = performance.now() + clientSideThrottleTime
      return answer
    }
    try {
      return await this.#guarded(request.apiName, hold.untilMs - now + timeoutMs, () =>
        this.#connection.send({
          request,
          // Not with kafkajs's `parse`: it throws for the first code it finds, and forgets those it does not know.
          response: { decode, parse: async (answer) => answer },
          logResponseError: false,
        }),
      )
    } finally {
      this.#holds.delete(hold)
    }
  }

  /** Ends the link at once: everything pending rejects with `reason`, and the socket is gone. */
  destroy(reason: KafkaError): void {
    if (this.#death !== null) return
    this.#death = reason
    for (const reject of [...this.#pending]) reject(reason)
    // The error makes kafkajs clear its own timers and queue.
    this.#socket?.destroy(reason)
  }

  #watch(socket: Socket): Socket {
    this.#socket = socket
    const broken = (what: string, cause?: NodeJS.ErrnoException) => {
      const hint = cause === undefined || SPEAKS_OTHERWISE.test(cause.code ?? '') ? this.#hint : ''
      this.destroy(connectionError(`the connection to ${this.#name} ${what}${hint}`, cause))
    }
    socket.once('data', (bytes) => {
      const stranger = strangerBehind(bytes)
      if (stranger !== null) this.destroy(connectionError(`${this.#name}: ${stranger}`))
    })
    socket.once('error', (error) => broken(`failed: ${error.message}`, error))
    socket.once('end', () => broken('was closed by the other side'))
    socket.once('close', () => broken('was closed'))
    return socket
  }

  /** What a connection that breaks in this phase may mean. */
  get #hint(): string {
    const { ssl } = this.#settings
    if (this.#phase === 'connecting') return ssl ? ' (does the listener speak TLS?)' : ''
    if (this.#phase !== 'greeting') return ''
    return ` before it said which versions it speaks (is it a Kafka broker${ssl ? '' : ', and one that wants no TLS'}?)`
  }

  async #askVersions(): Promise<ApiRanges> {
    const { ApiVersions } = kafkajs().requests
    for (const version of [2, 1, 0]) {
      try {
        const { apiVersions } = await this.send(ApiVersions.protocol({ version })(undefined), {
          timeoutMs: this.#stepMs,
        })
        return Object.fromEntries(apiVersions.map(({ apiKey, ...range }) => [apiKey, range]))
      } catch (error) {
        if (!(error instanceof KafkaError) || error.type !== 'UNSUPPORTED_VERSION') throw error
      }
    }
    throw connectionError(`${this.#name} answers no version of ApiVersions`)
  }

  /** Runs a step of kafkajs, but no longer than `timeoutMs` and no longer than the link lives. */
  #guarded<T>(what: string, timeoutMs: number, step: () => Promise<T>): Promise<T> {
    if (this.#death !== null) return Promise.reject(this.#death)
    return new Promise((resolve, reject) => {
      const settle = () => {
        timer.stop()
        this.#pending.delete(fail)
      }
      const fail: Reject = (reason) => {
        settle()
        reject(reason)
      }
      const timer = new RequestTimer(
        timeoutMs,
        () => this.#socket?.bytesRead ?? 0,
        () => this.destroy(timedOutError(`${what} at ${this.#name}: no answer within ${Math.round(timeoutMs)} ms`)),
      )
      this.#pending.add(fail)
      step().then(
        (value) => {
          settle()
          resolve(value)
        },
        (error) => fail(toKafkaError(error, `${what} at ${this.#name}`)),
      )
    })
  }
}
