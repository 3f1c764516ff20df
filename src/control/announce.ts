import type { EventEmitter } from 'node:events'
import type { PoolEvents } from './events.js'

/**
 * Calls the listeners of an event like `emit`, but each for itself: one that throws keeps no other from being called,
 * and one that returns a promise which rejects does not end the process.
 *
 * @param onFault told what a listener threw, or rejected with
 * @returns a promise that resolves when the promises of all listeners are settled; never rejects
 */
export const announce = <K extends keyof PoolEvents>(
  emitter: EventEmitter<PoolEvents>,
  event: K,
  payload: PoolEvents[K][0],
  onFault: (error: unknown) => void,
): Promise<unknown> => {
  const pending: Promise<unknown>[] = []
  // Raw: those of `once` take themselves off the list when they are called.
  for (const listener of (emitter as EventEmitter).rawListeners(event)) {
    try {
      const returned: unknown = Reflect.apply(listener, emitter, [payload])
      if (isThenable(returned)) pending.push(Promise.resolve(returned).catch(onFault))
    } catch (error) {
      onFault(error)
    }
  }
  return Promise.all(pending)
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as Partial<PromiseLike<unknown>>).then === 'function'
