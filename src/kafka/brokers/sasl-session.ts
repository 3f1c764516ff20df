import { ErrorCode, PoolError } from '../../errors.js'
import { brokerError } from '../errors.js'
import { kafkajs } from '../kafkajs/kafkajs.js'
import type { AuthenticationProvider, KafkajsLogger, SaslExchange, SaslOptions } from '../kafkajs/parts.js'
import type { Answer, Ask } from '../kafkajs/request-shapes.js'
import type { Address } from './address.js'

/** The two requests of an authentication. */
export type SaslApi = 'SaslHandshake' | 'SaslAuthenticate'

/** Sends one of them, past everything else. Rejects with kafkajs's error when the broker answers with a code. */
export type SaslAsk = <K extends SaslApi>(api: K, ask: Ask<K>) => Promise<Answer<K>>

const UNSUPPORTED_SASL_MECHANISM = 33
const OAUTHBEARER = 'OAUTHBEARER'

/** kafkajs keeps the size in front of the bytes. */
const EMPTY_BYTES = 4

/** Which parts of a session may be left when it is renewed: 5 to 15 %, as Java has it. */
const LEAST_LEFT = 0.05
const MOST_LEFT = 0.15

/** Brokers refuse to authenticate a connection anew within a second. */
const LEAST_AGE_MS = 1_050

/**
 * When a session is renewed: `leftMs` before its end, but neither before 85 % nor after 95 % of its lifetime are over.
 * Source: Kafka's SaslClientAuthenticator, KIP-368.
 *
 * @returns milliseconds from its begin
 */
export const renewalAfterMs = (lifetimeMs: number, leftMs: number): number => {
  const kept = Math.min(Math.max(leftMs, lifetimeMs * LEAST_LEFT), lifetimeMs * MOST_LEFT)
  return Math.max(lifetimeMs - kept, LEAST_AGE_MS)
}

/** Who a connection is to the broker, and until when. The mechanisms are kafkajs's, or the user's own. */
export class SaslSession {
  readonly #sasl: SaslOptions
  readonly #address: Address
  readonly #logger: KafkajsLogger
  readonly #leftMs: number
  #dueMs = Number.POSITIVE_INFINITY

  /** @param leftMs how long before the end of a session it should be renewed */
  constructor(sasl: SaslOptions, address: Address, logger: KafkajsLogger, leftMs: number) {
    // kafkajs's mechanisms write to it.
    this.#sasl = { ...sasl }
    this.#address = address
    this.#logger = logger
    this.#leftMs = leftMs
  }

  /** True when the session has to be renewed before the next request. */
  get isDue(): boolean {
    return performance.now() >= this.#dueMs
  }

  async authenticate(ask: SaslAsk): Promise<void> {
    const mechanism = this.#sasl.mechanism.toUpperCase()
    const { enabledMechanisms } = await ask('SaslHandshake', { mechanism })
    if (!enabledMechanisms.includes(mechanism)) {
      const detail = `the listener has ${enabledMechanisms.join(', ')}, not ${mechanism}`
      throw brokerError(UNSUPPORTED_SASL_MECHANISM, 'SaslHandshake', { detail })
    }
    this.#dueMs = Number.POSITIVE_INFINITY
    const { host, port } = this.#address
    const logger = this.#logger.namespace(`SaslAuthenticator-${mechanism}`)
    // What kafkajs's own authenticator does: the mechanism talks, the bytes travel in requests.
    const saslAuthenticate = async <T>({ request, response }: SaslExchange<T>): Promise<T | undefined> => {
      const bytes = await request.encode()
      // Not when the answer is read: a thread may have been blocked in between, while the session grows old.
      const sentMs = performance.now()
      const { authBytes, sessionLifetimeMs = '0' } = await ask('SaslAuthenticate', { authBytes: bytes })
      const lifetimeMs = Number(sessionLifetimeMs)
      this.#dueMs = lifetimeMs > 0 ? sentMs + renewalAfterMs(lifetimeMs, this.#leftMs) : Number.POSITIVE_INFINITY
      // A token is refused with bytes in a good answer (RFC 7628), which kafkajs's mechanism does not look at.
      if (mechanism === OAUTHBEARER && response === undefined && authBytes.length > EMPTY_BYTES) {
        throw new Error(`the broker says ${authBytes.toString('utf8', EMPTY_BYTES)}`)
      }
      return response?.parse(await response.decode(authBytes))
    }
    this.#sasl.authenticationProvider ??= this.#builtIn(mechanism)
    await this.#sasl.authenticationProvider({ host, port, logger, saslAuthenticate }).authenticate()
  }

  #builtIn(mechanism: string): AuthenticationProvider {
    const provider = kafkajs().authenticators[mechanism]
    if (provider !== undefined) return provider(this.#sasl)
    const known = Object.keys(kafkajs().authenticators).join(', ')
    throw new PoolError(
      ErrorCode.configInvalid,
      `sasl.mechanism ${mechanism} is not built in (${known} are): name a module in sasl.authenticationProvider`,
    )
  }
}
