import type { Kafkajs } from './internals.js'

const guarded = Symbol.for('kafka-consumer-pool.idle-timer-guard')

/**
 * kafkajs re-arms a timer of about a millisecond on every connection for ever, although nothing waits in its queue
 * (tulios/kafkajs#1556). With this guard it is armed only while something does. Applied once per copy of kafkajs.
 */
export const guardIdleTimer = (requestQueue: Kafkajs['RequestQueue']): void => {
  const prototype = requestQueue.prototype as Kafkajs['RequestQueue']['prototype'] & { [guarded]?: true }
  if (prototype[guarded]) return
  const schedule = prototype.scheduleCheckPendingRequests
  prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) schedule.call(this)
  }
  Object.defineProperty(prototype, guarded, { value: true })
}
