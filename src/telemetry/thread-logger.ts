import { type Logger, pino } from 'pino'
import type { FromThread } from '../protocol/messages.js'
import { monotonicMs } from '../util/clock.js'
import { RateLimit } from '../util/rate-limit.js'
import { serializeError } from './serialize-error.js'

export interface ThreadLoggerOptions {
  readonly slot: number
  readonly incarnation: number
  /** Pino level name below which nothing is sent. */
  readonly logLevel: string
  readonly post: (message: FromThread) => void
  /** Monotonic clock, in ms. @default the machine's */
  readonly now?: () => number
}

/**
 * Lines each second, at most: a handler that logs every message faster than the main thread can write would fill its
 * memory.
 */
const LINES_PER_SECOND = 5_000

/** A pino logger in a worker thread. Its lines go to the main thread, which writes them. */
export const createThreadLogger = ({
  slot,
  incarnation,
  logLevel,
  post,
  now = monotonicMs,
}: ThreadLoggerOptions): Logger => {
  const limit = new RateLimit(LINES_PER_SECOND)
  const write = (line: string): void => {
    if (!limit.allows(now())) return
    const unwritten = limit.takeRefused()
    post({ type: 'log', line })
    if (unwritten > 0) logger.warn({ unwritten }, `${unwritten} log lines were left out: more than can be written`)
  }
  const logger = pino({ level: logLevel, base: { slot, incarnation }, serializers: { err: serializeError } }, { write })
  return logger
}
