import { type Logger, levels } from 'pino'

/** Pino's own levels, the most severe first. */
export const STANDARD = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

export type StandardLevel = (typeof STANDARD)[number]

const numberOf = (level: StandardLevel): number => levels.values[level] ?? 0

/** The standard level at or below pino's number (a handler's own levels may lie between). */
export const standardLevel = (level: unknown): StandardLevel =>
  typeof level === 'number' ? (STANDARD.find((name) => numberOf(name) <= level) ?? 'trace') : 'warn'

const isMethod = (logger: Logger, name: string): boolean =>
  typeof (logger as unknown as Record<string, unknown>)[name] === 'function'

/** Pino's own levels for which the logger has no method. */
export const missingLevels = (logger: Logger): StandardLevel[] => STANDARD.filter((name) => !isMethod(logger, name))

/**
 * The user's level that stands for one of pino's: the one of that name, or else, with levels of his own, the highest
 * that is not above it by number. `undefined` when his logger has none at all.
 */
export const usersLevel = (logger: Logger, level: StandardLevel): string | undefined => {
  if (isMethod(logger, level)) return level
  const own = Object.entries(logger.levels?.values ?? {}).filter(([name]) => isMethod(logger, name))
  const ascending = own.toSorted(([, a], [, b]) => a - b).map(([name, value]) => ({ name, value }))
  return (ascending.findLast(({ value }) => value <= numberOf(level)) ?? ascending[0])?.name
}

/** The lowest of pino's own levels at which the user's logger writes anything, whatever he calls his levels. */
export const lowestLevel = (logger: Logger): StandardLevel | 'silent' => {
  const writes = (level: StandardLevel): boolean => {
    const name = usersLevel(logger, level)
    return name !== undefined && (typeof logger.isLevelEnabled === 'function' ? logger.isLevelEnabled(name) : true)
  }
  return STANDARD.findLast(writes) ?? 'silent'
}
