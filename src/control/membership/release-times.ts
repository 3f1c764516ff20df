import type { ConsumerConfig } from '../../config/resolved.js'
import { COMMIT_WAIT_MS, RELEASE_WAIT_MS } from '../../config/rules/own-times.js'

/**
 * How long a seat may keep a rebalance waiting: for its handlers, then for its commit. It hears of a rebalance up to a
 * heartbeat after that began, and half of what is left of the rebalance timeout then is for the join itself.
 */
export const releaseTimes = ({
  sessionTimeout,
  heartbeatInterval,
  rebalanceTimeout,
}: ConsumerConfig): { readonly quiesceMs: number; readonly commitMs: number } => {
  const roomMs = Math.max(0, rebalanceTimeout - heartbeatInterval) / 2
  const commitMs = Math.min(COMMIT_WAIT_MS, roomMs / 2)
  return { quiesceMs: Math.min(RELEASE_WAIT_MS, sessionTimeout / 3, roomMs - commitMs), commitMs }
}
