import type { Logger, LoggerOptions } from 'pino'
import { createLogger } from '../telemetry/logger.js'
import { isLogger } from '../telemetry/logger-fault.js'
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
 * @param configured option `logger` of the configuration file, checked
 * @param level of `--log-level`; it wins over the file
 * @param screen the terminal, or null when there is none
 * @throws UsageError when the file's logger has no such level; ConfigError when pino does not want the file's options
 */
export const commandLog = (
  configured: Logger | LoggerOptions | undefined,
  level: string | undefined,
  screen: LogScreen | null,
): Logger => {
  if (configured !== undefined && isLogger(configured)) {
    if (level !== undefined) setLevel(configured, level)
    return createLogger(configured)
  }
  const options: LoggerOptions = { ...configured, ...(level === undefined ? {} : { level }) }
  if (screen === null || options.transport !== undefined) return createLogger(options)
  return createLogger(options, { write: (line) => screen.write(formatLogLine(line, screen.paint)) })
}

const setLevel = (logger: Logger, level: string): void => {
  try {
    logger.level = level
  } catch {
    throw new UsageError(`--log-level ${level}: the logger of the configuration file has no such level`)
  }
}
