import { PoolError } from '../../errors.js'
import { after } from '../../util/timers.js'
import { brokerError, connectionError, toKafkaError } from '../errors.js'
import { KafkaError } from '../kafka-error.js'
import { kafkajs } from '../kafkajs/kafkajs.js'
import type { ApiRanges, KafkajsLogger, KafkajsProtocol, SaslOptions } from '../kafkajs/parts.js'
import type { Answer, ApiName, Ask } from '../kafkajs/request-shapes.js'
import { type AnswerReader, readWith } from '../requests/answer-reader.js'
import { readMechanisms, readVersions } from '../requests/answers.js'
import type { Address } from './address.js'
import { pickVersion, refuseBrokerWithout } from './api-versions.js'
import { checkedAnswer } from './checked-answer.js'
import { SaslSession } from './sasl-session.js'
import { type ExchangeOptions, Wire, type WireSettings } from './wire.js'

export interface BrokerConnectionSettings extends WireSettings {
  readonly sasl: SaslOptions | null
  readonly authenticationTimeoutMs: number
  readonly reauthenticationThresholdMs: number
  readonly requestTimeoutMs: number
  readonly saslLogger: KafkajsLogger
}

/** Default of the timeout: that of the settings. */
type AskOptions = Partial<ExchangeOptions> & {
  /** A timeout that is longer is not waited for. */
  readonly atMostMs?: number | undefined
}

interface Reading<K extends ApiName> {
  readonly read?: (answer: AnswerReader, version: number) => Answer<K>
}

/** A request that waits to be sent. */
interface Waiting {
  readonly send: () => void
  readonly reject: (reason: KafkaError) => void
}

const VERSIONS_OF_VERSIONS = [2, 1, 0]
/** A broker may ask for any time up to 24 days. What a quota needs beyond this one it enforces itself. */
const LONGEST_QUIET_MS = 60_000

/** A broker that is connected: speaks the protocol's versions, throttles itself, keeps its authentication alive. */
export class BrokerConnection {
  readonly #settings: BrokerConnectionSettings
  readonly #stepMs: number
  readonly #wire: Wire
  readonly #session: SaslSession | null
  readonly #waiting: Waiting[] = []
  #ranges: ApiRanges = {}
  #isOpen = false
  #retired = false
  #renewing: Promise<void> | null = null
  #throttledUntilMs = 0
  #saidQuiet = false
  #throttleTimer: NodeJS.Timeout | undefined

  /**
   * @param stepMs how long connecting may take, the broker's first answer included
   * @param onDeath called once
   */
  constructor(address: Address, settings: BrokerConnectionSettings, stepMs: number, onDeath: () => void = () => {}) {
    this.#settings = settings
    this.#stepMs = stepMs
    const { sasl, saslLogger, reauthenticationThresholdMs } = settings
    this.#session = sasl === null ? null : new SaslSession(sasl, address, saslLogger, reauthenticationThresholdMs)
    this.#wire = new Wire(address, settings, (reason) => {
      clearTimeout(this.#throttleTimer)
      for (const { reject } of this.#waiting.splice(0)) reject(reason)
      onDeath()
    })
  }

  get address(): Address {
    return this.#wire.address
  }

  get isDead(): boolean {
    return this.#wire.death !== null
  }

  get isOpen(): boolean {
    return this.#isOpen && !this.isDead
  }

  /** True while the broker holds a request back, or is silent; it answers no other one before that. */
  get isHeld(): boolean {
    return this.#wire.isHeld
  }

  /** True when the authentication has to be renewed before the next request, see {@link renew}. */
  get isDue(): boolean {
    return this.isOpen && (this.#renewing !== null || this.#session?.isDue === true)
  }

  /** What has arrived of an answer that is not complete; 0 when none is. */
  get arrivingBytes(): number {
    return this.#wire.arrivingBytes
  }

  /** What this broker speaks. */
  get ranges(): ApiRanges {
    return this.#ranges
  }

  /** Connects, asks for the versions, authenticates. Rejects with a {@link KafkaError}, and is dead then. */
  async open(): Promise<void> {
    const beganMs = performance.now()
    try {
      await this.#wire.connect(this.#stepMs)
      // Somebody who connected slowly is no silent one yet.
      const leftMs = Math.max(this.#stepMs / 2, this.#stepMs - (performance.now() - beganMs))
      this.#ranges = await this.#askVersions(leftMs)
      await this.#authenticate()
      this.#isOpen = true
    } catch (error) {
      const reason = toKafkaError(error, `connecting to ${this.#wire.name}`)
      this.destroy(reason)
      throw error instanceof PoolError ? error : reason
    }
  }

  /**
   * Sends a request in the highest version that both sides speak. Resolves with the decoded answer, error codes and all.
   *
   * @param options.versions those that may be used; default: all that we can send
   * @param options.read reads the answer of a version; what has arrays is never left to kafkajs
   */
  async ask<K extends ApiName>(
    api: K,
    ask: Ask<K>,
    { versions, read, ...options }: AskOptions & Reading<K> & { readonly versions?: readonly number[] } = {},
  ): Promise<Answer<K>> {
    const version = pickVersion(this.#ranges, api, versions)
    const { request, response } = kafkajs().requests[api].protocol({ version })(ask)
    return this.send(
      { request, response: read === undefined ? response : readWith((answer) => read(answer, version)) },
      options,
    )
  }

  /**
   * Like {@link ask}, for a request that was put together by hand. Waits while the broker wants quiet (KIP-219), and
   * while the authentication is renewed (KIP-368), which must have the connection to itself.
   */
  send<T>(protocol: KafkajsProtocol<T>, options: AskOptions = {}): Promise<T> {
    return this.#exchange(protocol, options, (send, reject) => {
      this.#waiting.push({ send, reject })
      this.#flush()
    })
  }

  /** Authenticates anew, with whoever wants that at the same time. The connection is dead when it fails. */
  renew(): Promise<void> {
    this.#renewing ??= (async () => {
      try {
        await this.#wire.whenIdle()
        await this.#authenticate()
      } catch (error) {
        const reason = toKafkaError(error, `authentication at ${this.#wire.name}`)
        this.destroy(reason)
        throw reason
      } finally {
        this.#renewing = null
        this.#flush()
      }
    })()
    return this.#renewing
  }

  /** Ends the connection when nothing is pending on it any more. */
  retire(): void {
    this.#retired = true
    this.#endIfRetired()
  }

  /** Ends the connection at once: everything pending rejects with `reason`, and the socket is gone. */
  destroy(reason: KafkaError): void {
    this.#wire.destroy(reason)
  }

  #endIfRetired(): void {
    if (!this.#retired || !this.#isOpen || this.#waiting.length > 0 || !this.#wire.isIdle) return
    this.destroy(connectionError(`${this.#wire.name} is not in the metadata of the cluster any more`))
  }

  /** Sends what waits, in its order, as far as that may be sent now. */
  #flush(): void {
    clearTimeout(this.#throttleTimer)
    while (!this.isDead && this.#renewing === null && this.#waiting.length > 0) {
      const quietMs = this.#throttledUntilMs - performance.now()
      if (quietMs > 0) {
        this.#throttleTimer = after(() => this.#flush(), quietMs)
        return
      }
      if (this.#session?.isDue) void this.renew().catch(() => {})
      else this.#waiting.shift()?.send()
    }
  }

  /** @param whenever calls `send` when the request may leave */
  async #exchange<T>(
    { request, response }: KafkajsProtocol<T>,
    options: AskOptions,
    whenever: (send: () => void, reject: (reason: KafkaError) => void) => void,
  ): Promise<T> {
    const { timeoutMs: wantedMs = this.#settings.requestTimeoutMs, atMostMs = wantedMs } = options
    const timeoutMs = Math.min(wantedMs, atMostMs)
    try {
      const { buffer } = await request.encode()
      if (this.#wire.death !== null) throw this.#wire.death
      const body = await new Promise<Buffer>((resolve, reject) => {
        const send = () => void this.#wire.exchange(request, buffer, { ...options, timeoutMs }).then(resolve, reject)
        whenever(send, reject)
      })
      this.#endIfRetired()
      // Not with kafkajs's `parse`: it throws for the first code it finds, and forgets those it does not know.
      const answer = await response.decode(checkedAnswer(body))
      const { clientSideThrottleTime = 0 } = answer as { clientSideThrottleTime?: number }
      this.#keepQuiet(clientSideThrottleTime)
      return answer
    } catch (error) {
      throw toKafkaError(error, `${request.apiName} at ${this.#wire.name}`)
    }
  }

  #keepQuiet(askedMs: number): void {
    if (askedMs > LONGEST_QUIET_MS && !this.#saidQuiet) {
      this.#saidQuiet = true
      const message = 'the broker asks this client for more than a minute of quiet (throttle_time_ms); it gets a minute'
      this.#settings.log.warn({ broker: this.#wire.name, askedMs }, message)
    }
    const quietMs = Math.min(askedMs, LONGEST_QUIET_MS)
    this.#throttledUntilMs = Math.max(this.#throttledUntilMs, performance.now() + quietMs)
  }

  async #askVersions(timeoutMs: number): Promise<ApiRanges> {
    const { ApiVersions } = kafkajs().requests
    for (const version of VERSIONS_OF_VERSIONS) {
      try {
        const { request } = ApiVersions.protocol({ version })(undefined)
        const response = readWith((answer) => readVersions(answer, version))
        const { errorCode, apiVersions } = await this.#exchange({ request, response }, { timeoutMs }, (send) => send())
        if (errorCode !== 0) throw brokerError(errorCode, `ApiVersions at ${this.#wire.name}`)
        return Object.fromEntries(apiVersions.map(({ apiKey, ...range }) => [apiKey, range]))
      } catch (error) {
        if (!(error instanceof KafkaError) || error.type !== 'UNSUPPORTED_VERSION') throw error
      }
    }
    throw connectionError(`${this.#wire.name} answers no version of ApiVersions`)
  }

  async #authenticate(): Promise<void> {
    const session = this.#session
    if (session === null) return
    refuseBrokerWithout(['SaslHandshake', 'SaslAuthenticate'], this.#ranges, this.#wire.name)
    const timeoutMs = this.#settings.authenticationTimeoutMs
    await this.#wire.guard('authentication', timeoutMs, () =>
      session.authenticate(async (api, ask) => {
        const version = pickVersion(this.#ranges, api)
        const { request, response } = kafkajs().requests[api].protocol({ version })(ask)
        const own = api === 'SaslHandshake' ? { decode: readWith(readMechanisms).decode } : {}
        const reading = { ...response, ...own } as typeof response
        const answer = await this.#exchange({ request, response: reading }, { timeoutMs }, (send) => send())
        return response.parse(answer)
      }),
    )
  }
}
