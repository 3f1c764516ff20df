import { KafkaError, TIMED_OUT } from './kafka-error.js'
import { kafkajs } from './kafkajs/kafkajs.js'

const SASL_AUTHENTICATION_FAILED = 58
const UNKNOWN_TO_KAFKAJS = -99

/** Kafka's name of an error code, as kafkajs's table has it (`NOT_LEADER_FOR_PARTITION`), or null for success. */
export const errorName = (code: number): string | null =>
  code === 0 ? null : (kafkajs().errorCodes.find((known) => known.code === code)?.type ?? `ERROR_CODE_${code}`)

/**
 * The error that a broker's answer stands for. A code that kafkajs's table does not have keeps its number.
 *
 * @param what the request and to whom it went, for the message
 */
export const brokerError = (
  code: number,
  what: string,
  more: { detail?: string; memberId?: string } = {},
): KafkaError => {
  const known = kafkajs().errorCodes.find((entry) => entry.code === code)
  const { detail = known?.message ?? 'an error that this version does not know', memberId } = more
  const type = errorName(code) ?? 'NONE'
  const message = `${what} was answered with ${type} (${code}): ${detail}`
  return new KafkaError(type, code, known?.retriable ?? false, message, memberId === undefined ? {} : { memberId })
}

/** The error of that name, see {@link errorName}. */
export const namedError = (name: string, what: string): KafkaError => {
  const code = kafkajs().errorCodes.find(({ type }) => type === name)?.code
  return brokerError(code ?? Number(/\d+$/.exec(name)?.[0] ?? -1), what)
}

/** The connection broke, or there never was one. */
export const connectionError = (what: string, cause?: unknown): KafkaError =>
  new KafkaError('CONNECTION', -1, true, what, { cause })

export const closedError = (): KafkaError => new KafkaError('CLOSED', -1, false, 'the client was closed')

export const timedOutError = (what: string): KafkaError => new KafkaError(TIMED_OUT, -1, true, what)

interface KafkajsError extends Error {
  readonly type?: string
  readonly code?: number | string
  readonly cause?: unknown
}

/** Behind the errors with which kafkajs wraps others. */
const innermost = (error: KafkajsError): KafkajsError => {
  const wraps = error.name === 'KafkaJSNumberOfRetriesExceeded' || error.name === 'KafkaJSNonRetriableError'
  return wraps && error.cause instanceof Error ? innermost(error.cause) : error
}

/** Kafkajs says `Unknown error code 110` and forgets the number. */
const codeOf = ({ code, message }: KafkajsError): number =>
  code === UNKNOWN_TO_KAFKAJS ? Number(/-?\d+/.exec(message)?.[0] ?? code) : Number(code)

/**
 * What kafkajs makes of a broker's error code. By name: what a user's own authentication throws may have any `type` and
 * `code`, which are none of Kafka's.
 */
const BROKERS_ERRORS = ['KafkaJSProtocolError', 'KafkaJSOffsetOutOfRange', 'KafkaJSMemberIdRequired']

/** Whatever kafkajs threw, as the one error class of this folder. */
export const toKafkaError = (thrown: unknown, what: string): KafkaError => {
  if (thrown instanceof KafkaError) return thrown
  if (!(thrown instanceof Error)) return connectionError(`${what} failed: ${String(thrown)}`)
  const error = innermost(thrown)
  if (error.name === 'KafkaJSSASLAuthenticationError')
    return brokerError(SASL_AUTHENTICATION_FAILED, what, { detail: error.message })
  if (BROKERS_ERRORS.includes(error.name)) return brokerError(codeOf(error), what, { detail: error.message })
  return connectionError(`${what} failed: ${error.message}`, error)
}
