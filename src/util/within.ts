import { after } from './timers.js'

/** Waits for `promise`, but no longer than `ms`. Resolves with whether it settled in time; never rejects. */
export const within = (promise: Promise<unknown>, ms: number): Promise<boolean> =>
  new Promise((resolve) => {
    const timer = after(() => resolve(false), ms)
    const settled = () => {
      clearTimeout(timer)
      resolve(true)
    }
    promise.then(settled, settled)
  })
