import { type Logger, type LoggerOptions, pino, stdSerializers } from 'pino'
import { createLogger } from '../telemetry/logger.js'
import { formatLogLine } from './log-line.js'
import type { Paint } from './paint.js'
import { UsageError } from './usage-error.js'

/** Where log lines for people go, and in which colours. */
export interface LogScreen {
  readonly write: (text: string) => void
  readonly paint: Paint
}

/**
 * The command's logger: lines for people on a terminal, pino's JSON on standard output otherwise. A configuration file
 * that brings its own logger, or a transport, has it its own way.
 *
 * @param configured option `logger` of the configuration file
 * @param level of `--log-level`; it wins over the file
 * @param screen the terminal, or null when there is none
 * @throws UsageError when the file's option is no object
 */
export const commandLog = (configured: unknown, level: string | undefined, screen: LogScreen | null): Logger => {
  if (configured !== undefined && (typeof configured !== 'object' || configured === null)) {
    throw new UsageError("logger in the configuration file: expected a pino logger, or pino's options")
  }
  if (configured !== undefined && 'child' in configured) {
    const logger = configured as Logger
    if (level !== undefined) logger.level = level
    return createLogger(logger)
  }
  const options: LoggerOptions = { ...configured, ...(level === undefined ? {} : { level }) }
  if (screen === null || options.transport !== undefined) return createLogger(options)
  const serializers = { err: stdSerializers.errWithCause, ...options.serializers }
  return pino(
    { level: 'info', ...options, serializers },
    { write: (line) => screen.write(formatLogLine(line, screen.paint)) },
  )
}
