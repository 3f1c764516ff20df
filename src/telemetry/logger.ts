import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino'
import { ConfigError } from '../errors.js'
import { guardOutput } from '../util/guard-output.js'
import { guarded } from './guarded-logger.js'
import { lowestLevel, missingLevels, standardLevel, usersLevel } from './levels.js'
import { isLogger } from './logger-fault.js'
import { serializeError } from './serialize-error.js'

/** How much is kept of what could not be written, in characters. */
const KEPT_LENGTH = 1024 * 1024

/**
 * The pool's logger: the user's own pino instance, or one made with his options. One that lacks some of pino's own
 * levels (`useOnlyCustomLevels`) gets a logger in front of it that has them all. What the user's code in it throws
 * reaches nobody but a warning of the process, once.
 *
 * @param logger checked before, by `loggerFault`. @default pino's JSON on standard output at level `info`, which is what
 *   KafkaJS users are used to; `{ level: 'silent' }` turns it off
 * @param destination where a logger that is made writes. @default standard output, or the options' transport
 * @throws ConfigError when pino does not want the options
 */
export const createLogger = (logger: Logger | LoggerOptions | undefined, destination?: DestinationStream): Logger => {
  const onFault = warnOnce()
  const own = guarded(logger !== undefined && isLogger(logger) ? logger : make(logger, destination, onFault), onFault)
  if (missingLevels(own).length === 0) return own
  const options = { level: lowestLevel(own), base: null, timestamp: false, serializers: { err: serializeError } }
  return pino(options, { write: (line) => relay(own, line) })
}

const make = (
  options: LoggerOptions = {},
  destination: DestinationStream | undefined,
  onFault: (error: unknown) => void,
): Logger => {
  // An option that is undefined counts as left out here, as everywhere; pino refuses an undefined level.
  const set = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
  try {
    // pino's own serializer writes the messages of all causes behind each other, and ours say of their cause what matters.
    const serializers = { err: stdSerializers.errWithCause, ...options.serializers }
    const all = { name: 'kafka-consumer-pool', level: 'info', ...set, serializers }
    const made = pino(all, destination as DestinationStream)
    outlive((made as unknown as Record<symbol, LineStream>)[pino.symbols.streamSym], onFault)
    return made
  } catch (cause) {
    const message = `pino does not want these options: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new ConfigError(`Option logger: ${message}`, [{ path: 'logger', message }], { cause })
  }
}

/** What pino writes its lines to. */
interface LineStream {
  readonly on?: NodeJS.EventEmitter['on']
  maxLength?: number
  flushSync?: () => void
}

/**
 * A full disk, or a transport that dies, would end the process: nobody else can listen to this stream. What could not be
 * written it keeps without a limit, and tries for ever to write when the process ends.
 */
const outlive = (stream: LineStream | undefined, onFault: (error: unknown) => void): void => {
  stream?.on?.('error', (error: unknown) => {
    stream.maxLength = KEPT_LENGTH
    stream.flushSync = () => {}
    onFault(error)
  })
}

const warnOnce = (): ((error: unknown) => void) => {
  let warned = false
  return (error) => {
    if (warned) return
    warned = true
    const what = error instanceof Error ? `${error.name}: ${error.message}` : typeof error
    const release = guardOutput(process.stderr) // which may be what has failed
    process.emitWarning(`the log cannot be written (option logger), so that lines of it are missing: ${what}`, {
      code: 'KCP_LOGGER_THREW',
      type: 'KafkaConsumerPoolWarning',
    })
    release()
  }
}

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
