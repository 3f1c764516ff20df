import { type Logger, type LoggerOptions, pino } from 'pino'
import { missingLevels } from './levels.js'

/** What is wrong with option `logger`, and at which part of it. */
export interface LoggerFault {
  readonly at: 'logger' | 'logger.level'
  readonly message: string
}

const isFunction = (value: unknown): boolean => typeof value === 'function'

/** Whether it is meant to be a logger, and not pino's options for one. */
export const isLogger = (logger: object): logger is Logger =>
  ['child', 'info', 'warn', 'error', 'log'].some((name) => isFunction((logger as Record<string, unknown>)[name]))

const ADVICE =
  'Give a pino logger, or options for one. The lines of the pool reach another logger through pino: pino({ level: "info" }, { write: (line) => other.info(JSON.parse(line)) })'

const ofLogger = (logger: Logger): string | null => {
  if ((logger as unknown) === console) {
    return 'is the console, which knows no fields. Leave it out for JSON on standard output, or give pino\'s options, such as { transport: { target: "pino-pretty" } } for lines for people'
  }
  const { child, levels } = logger as Partial<Logger>
  if (!isFunction(child)) return `is no pino logger: it has no child(). ${ADVICE}`
  const missing = missingLevels(logger)
  if (missing.length === 0 || Object.keys(levels?.values ?? {}).length > 0) return null
  return `is no pino logger: it has no ${missing.map((name) => `${name}()`).join(', ')}. ${ADVICE}`
}

const levelFault = ({ level, customLevels, useOnlyCustomLevels }: LoggerOptions): string | null => {
  if (level === undefined) return null
  const values = { ...(useOnlyCustomLevels === true ? {} : pino.levels.values), ...customLevels }
  const names = [...Object.keys(values), 'silent']
  const asNumber: unknown = level
  if (names.includes(level) || names.includes(String(level).toLowerCase())) return null
  if (typeof asNumber === 'number' && Object.values(values).includes(asNumber)) return null
  return `expected one of ${names.join(', ')}, got ${JSON.stringify(level) ?? String(level)}`
}

/** Checks option `logger` as far as that can be done without making one. */
export const loggerFault = (logger: unknown): LoggerFault | null => {
  if (logger === undefined) return null
  if (isFunction(logger)) return { at: 'logger', message: 'is a function. Call it and give what it returns: pino()' }
  if (typeof logger !== 'object' || logger === null || Array.isArray(logger)) {
    const advice = typeof logger === 'string' ? `. For a level write { level: ${JSON.stringify(logger)} }` : ''
    const got = logger === null ? 'null' : Array.isArray(logger) ? 'an array' : `a ${typeof logger}`
    return { at: 'logger', message: `expected a pino logger or pino's options, got ${got}${advice}` }
  }
  const message = isLogger(logger) ? ofLogger(logger) : levelFault(logger)
  return message === null ? null : { at: isLogger(logger) ? 'logger' : 'logger.level', message }
}
