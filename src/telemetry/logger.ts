import { type Logger, type LoggerOptions, levels, pino } from 'pino'

/**
 * The pool's logger: the user's own pino instance, or one made with his options.
 *
 * @param logger @default pino's JSON on standard output at level `info`, which is what KafkaJS users are used to;
 *   `{ level: 'silent' }` turns it off
 */
export const createLogger = (logger: Logger | LoggerOptions | undefined): Logger =>
  isLogger(logger) ? logger : pino({ name: 'kafka-consumer-pool', level: 'info', ...logger })

const isLogger = (logger: object | undefined): logger is Logger =>
  logger !== undefined && 'child' in logger && typeof logger.child === 'function'

const LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

/** The standard level at or below pino's number (a handler's own levels may lie between). */
const levelName = (level: unknown): (typeof LEVELS)[number] =>
  typeof level === 'number' ? (LEVELS.find((name) => (levels.values[name] ?? 0) <= level) ?? 'trace') : 'warn'

const parse = (line: string): Record<string, unknown> | null => {
  try {
    const parsed: unknown = JSON.parse(line)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : null
  } catch {
    return null
  }
}

/**
 * pino's error serializer takes any object with a message for an error and its constructor's name for the type. So that
 * an error which is serialized already keeps its type, it gets a name and no constructor.
 */
const asErrorLike = (err: unknown): unknown =>
  typeof err === 'object' && err !== null && 'type' in err
    ? Object.defineProperty(Object.assign(Object.create(null), err), 'name', { value: err.type })
    : err

/**
 * Writes a line of a thread's logger (pino JSON) with the user's logger: same level, same bindings, so that it looks
 * like every other line of his. Never throws: a line that is no JSON is written as it is, as a warning.
 */
export const relay = (logger: Logger, line: string): void => {
  try {
    const entry = parse(line)
    if (entry === null) {
      logger.warn({ line }, 'a thread wrote a log line that is not JSON')
      return
    }
    // pid and hostname are the same in every thread, and the user's logger stamps the time.
    const { level, time: _time, pid: _pid, hostname: _hostname, msg, ...bindings } = entry
    if ('err' in bindings) bindings.err = asErrorLike(bindings.err)
    const message = typeof msg === 'string' ? msg : undefined
    logger[levelName(level)](bindings, message)
  } catch {
    // A log line is not worth a slot: the user's logger or its destination failed.
  }
}
