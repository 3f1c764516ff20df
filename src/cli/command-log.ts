import { type Logger, type LoggerOptions, pino, stdSerializers } from 'pino'
import { createLogger } from '../telemetry/logger.js'
import { formatLogLine } from './log-line.js'
import type { Paint } from './paint.js'

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
 */
export const commandLog = (
  configured: Logger | LoggerOptions | undefined,
  level: string | undefined,
  screen: LogScreen | null,
): Logger => {
  if (configured !== undefined && 'child' in configured) {
    if (level !== undefined) configured.level = level
    return createLogger(configured)
  }
  const options: LoggerOptions = { ...configured, ...(level === undefined ? {} : { level }) }
  if (screen === null || options.transport !== undefined) return createLogger(options)
  const serializers = { err: stdSerializers.errWithCause, ...options.serializers }
  return pino(
    { level: 'info', ...options, serializers },
    { write: (line) => screen.write(formatLogLine(line, screen.paint)) },
  )
}
