import type { Logger } from 'pino'
import { STANDARD } from './levels.js'

type Method = (...args: unknown[]) => unknown

/** Every name under which the logger may be called. */
const methodsOf = (logger: Logger): string[] =>
  [...new Set<string>([...STANDARD, ...Object.keys(logger.levels?.values ?? {})])].filter(
    (name) => typeof (logger as unknown as Record<string, unknown>)[name] === 'function',
  )

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as { then?: unknown } | null | undefined)?.then === 'function'

/**
 * The same logger, of which nothing that it throws, or rejects with, gets through: a log line is not worth a slot, and a
 * mixin, a hook, a serializer or a destination that fails is the user's own code.
 *
 * @param onFault told every time what it threw
 * @param names under which it is called, whether it has them or not
 */
export const guarded = (
  logger: Logger,
  onFault: (error: unknown) => void,
  names: readonly string[] = methodsOf(logger),
): Logger => {
  const front: Logger = Object.create(logger)
  // By name at each call: pino puts other methods in their place when the level changes.
  const guard = (name: string, instead: () => unknown): void => {
    const method: Method = (...args) => {
      try {
        const methods = logger as unknown as Record<string, Method | undefined>
        if (methods[name] === undefined) throw new TypeError(`what child() returned has no ${name}()`)
        const result = methods[name](...args)
        if (isThenable(result)) result.then(undefined, onFault)
        return result
      } catch (error) {
        onFault(error)
        return instead()
      }
    }
    Object.defineProperty(front, name, { value: method })
  }
  for (const name of names) guard(name, () => undefined)
  if (typeof logger.isLevelEnabled === 'function') guard('isLevelEnabled', () => true)
  // pino takes the methods of another level for those of the object whose level is set.
  Object.defineProperty(front, 'level', {
    get: () => logger.level,
    set: (level: string) => {
      logger.level = level
    },
  })
  const child: Method = (...args) => {
    try {
      const own = (logger as unknown as { child: (...args: unknown[]) => Logger }).child(...args)
      return guarded(own, onFault, [...new Set([...names, ...methodsOf(own)])])
    } catch (error) {
      onFault(error)
      return front
    }
  }
  return Object.defineProperty(front, 'child', { value: child })
}
