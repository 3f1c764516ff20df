import { type Logger, type LoggerOptions, pino } from 'pino'
import { isStandard, lowestLevel, standardLevel, usersLevel } from './levels.js'
import { serializeError } from './serialize-error.js'

/**
 * The pool's logger: the user's own pino instance, or one made with his options. One that lacks some of pino's own
 * levels (`useOnlyCustomLevels`) gets a logger in front of it that has them all.
 *
 * @param logger @default pino's JSON on standard output at level `info`, which is what KafkaJS users are used to;
 *   `{ level: 'silent' }` turns it off
 */
export const createLogger = (logger: Logger | LoggerOptions | undefined): Logger => {
  const own = isLogger(logger) ? logger : pino({ name: 'kafka-consumer-pool', level: 'info', ...logger })
  if (isStandard(own)) return own
  const options = { level: lowestLevel(own), base: null, timestamp: false, serializers: { err: serializeError } }
  return pino(options, { write: (line) => relay(own, line) })
}

const isLogger = (logger: object | undefined): logger is Logger =>
  logger !== undefined && 'child' in logger && typeof logger.child === 'function'

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

const write = (logger: Logger, level: unknown, bindings: object, message: string | undefined): void => {
  const name = usersLevel(logger, standardLevel(level))
  if (name !== undefined) logger[name as 'info'](bindings, message)
}

/**
 * Writes a line of a thread's logger (pino JSON) with the user's logger: same level, same bindings, so that it looks
 * like every other line of his. Never throws: a line that is no JSON is written as it is, as a warning.
 */
export const relay = (logger: Logger, line: string): void => {
  try {
    const entry = parse(line)
    if (entry === null) {
      write(logger, 40, { line }, 'a thread wrote a log line that is not JSON')
      return
    }
    // pid and hostname are the same in every thread, and the user's logger stamps the time.
    const { level, time: _time, pid: _pid, hostname: _hostname, msg, ...bindings } = entry
    if ('err' in bindings) bindings.err = asErrorLike(bindings.err)
    const message = typeof msg === 'string' ? msg : undefined
    write(logger, level, bindings, message)
  } catch {
    // A log line is not worth a slot: the user's logger or its destination failed.
  }
}
