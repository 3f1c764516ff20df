import type { Logger } from 'pino'
import { STANDARD } from './levels.js'

type Method = (...args: unknown[]) => unknown

/** Every name under which the logger may be called. */
const methodsOf = (logger: Logger): string[] =>
  [...new Set<string>([...STANDARD, ...Object.keys(logger.levels?.values ?? {})])].filter(
    (name) => typeof (logger as unknown as Record<string, unknown>)[name] === 'function',
  )

/**
 * The same logger, of which nothing that it throws gets through: a log line is not worth a slot, and a mixin, a hook, a
 * serializer or a destination that fails is the user's own code.
 *
 * @param onFault told every time what it threw
 */
export const guarded = (logger: Logger, onFault: (error: unknown) => void): Logger => {
  const front: Logger = Object.create(logger)
  // By name at each call: pino puts other methods in their place when the level changes.
  const guard = (name: string, instead: () => unknown): void => {
    const method: Method = (...args) => {
      try {
        return (logger as unknown as Record<string, Method>)[name]?.(...args)
      } catch (error) {
        onFault(error)
        return instead()
      }
    }
    Object.defineProperty(front, name, { value: method })
  }
  for (const name of methodsOf(logger)) guard(name, () => undefined)
  if (typeof logger.isLevelEnabled === 'function') guard('isLevelEnabled', () => true)
  const child: Method = (...args) => {
    try {
      return guarded((logger as unknown as { child: (...args: unknown[]) => Logger }).child(...args), onFault)
    } catch (error) {
      onFault(error)
      return front
    }
  }
  return Object.defineProperty(front, 'child', { value: child })
}
