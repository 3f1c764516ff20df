/** Every code that a {@link PoolError} can carry; `docs/errors.md` has a paragraph for each. */
export const ErrorCode = {
  configInvalid: 'KCP_CONFIG_INVALID',
  adminNotListening: 'KCP_ADMIN_NOT_LISTENING',
  brokerUnreachable: 'KCP_BROKER_UNREACHABLE',
  brokerTooOld: 'KCP_BROKER_TOO_OLD',
  brokerTooNew: 'KCP_BROKER_TOO_NEW',
  brokerRefused: 'KCP_BROKER_REFUSED',
  topicMissing: 'KCP_TOPIC_MISSING',
  notSubscribed: 'KCP_NOT_SUBSCRIBED',
  partitionNotHeld: 'KCP_PARTITION_NOT_HELD',
  offsetOutOfRange: 'KCP_OFFSET_OUT_OF_RANGE',
  sessionTimeoutRefused: 'KCP_SESSION_TIMEOUT_REFUSED',
  protocolRefused: 'KCP_PROTOCOL_REFUSED',
  instanceFenced: 'KCP_INSTANCE_FENCED',
  handlerNotFound: 'KCP_HANDLER_NOT_FOUND',
  handlerThrewOnImport: 'KCP_HANDLER_THREW_ON_IMPORT',
  handlerNotAFunction: 'KCP_HANDLER_NOT_A_FUNCTION',
  handlerSetupFailed: 'KCP_HANDLER_SETUP_FAILED',
  moduleNotUsable: 'KCP_MODULE_NOT_USABLE',
  codecMissing: 'KCP_CODEC_MISSING',
  batchUndecodable: 'KCP_BATCH_UNDECODABLE',
  batchTooLarge: 'KCP_BATCH_TOO_LARGE',
  handlerExhausted: 'KCP_HANDLER_EXHAUSTED',
  deadLetterNotStored: 'KCP_DEAD_LETTER_NOT_STORED',
  deadLetterBreaker: 'KCP_DEAD_LETTER_BREAKER',
  messagePoisoned: 'KCP_MESSAGE_POISONED',
  handlerHung: 'KCP_HANDLER_HUNG',
  threadNotStarted: 'KCP_THREAD_NOT_STARTED',
  threadCrashed: 'KCP_THREAD_CRASHED',
  threadExited: 'KCP_THREAD_EXITED',
  threadOutOfMemory: 'KCP_THREAD_OUT_OF_MEMORY',
  threadLost: 'KCP_THREAD_LOST',
  startTimedOut: 'KCP_START_TIMED_OUT',
  notScaled: 'KCP_NOT_SCALED',
  poolEscalated: 'KCP_POOL_ESCALATED',
  poolStopped: 'KCP_POOL_STOPPED',
  kafkajsMismatch: 'KCP_KAFKAJS_MISMATCH',
  internal: 'KCP_INTERNAL',
} as const

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode]

/** Where it happened, as far as that is known. */
export interface ErrorContext {
  readonly slot?: number
  readonly groupId?: string
  readonly topic?: string
  readonly partition?: number
  readonly offset?: string
  /** How often a message was tried. */
  readonly attempts?: number
}

/**
 * What every error of this package is. Branch on `code`, never on the text. The message says what happened, to whom, and
 * what to do.
 */
export class PoolError extends Error {
  override readonly name = 'PoolError'
  readonly code: ErrorCode
  declare readonly slot?: number
  declare readonly groupId?: string
  declare readonly topic?: string
  declare readonly partition?: number
  declare readonly offset?: string
  declare readonly attempts?: number

  constructor(code: ErrorCode, message: string, context: ErrorContext & { readonly cause?: unknown } = {}) {
    const { cause, ...where } = context
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    Object.assign(this, where)
  }
}

/** One fault of a configuration. */
export interface ConfigIssue {
  /** Where it stands, as the user wrote it: `subscriptions[1].consumer["session.timeout.ms"]`; empty for the whole. */
  readonly path: string
  /** What is wrong and what to do. Secrets are hidden. */
  readonly message: string
}

/** `KCP_CONFIG_INVALID`: every fault at once, in `issues` as data and in `message` as text. */
export class ConfigError extends PoolError {
  declare readonly code: typeof ErrorCode.configInvalid
  readonly issues: readonly ConfigIssue[]

  constructor(message: string, issues: readonly ConfigIssue[], context: { readonly cause?: unknown } = {}) {
    super(ErrorCode.configInvalid, message, context)
    this.issues = Object.freeze(issues.map((issue) => Object.freeze({ ...issue })))
  }
}

/**
 * Throw it from a handler to say: trying again is of no use. The retries are skipped. Import it from
 * `kafka-consumer-pool/handler`, which costs a thread nothing.
 */
export class NonRetriableError extends Error {
  override readonly name = 'NonRetriableError'
}
