import { after } from './timers.js'

/**
 * Waits for `promise`, but no longer than `ms`, and not after `signal` is aborted. Resolves with whether it settled before
 * that; never rejects.
 */
export const within = (promise: Promise<unknown>, ms: number, signal?: AbortSignal): Promise<boolean> =>
  new Promise((resolve) => {
    const settle = (inTime: boolean) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
      resolve(inTime)
    }
    const giveUp = () => settle(false)
    const done = () => settle(true)
    const timer = after(giveUp, ms)
    signal?.addEventListener('abort', giveUp)
    if (signal?.aborted === true) giveUp()
    promise.then(done, done)
  })
