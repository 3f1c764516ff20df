import type { Pause } from '#src/control/pauses.js'
import { ErrorCode, PoolError } from '#src/errors.js'

/** A partition stands still at this offset, for good unless the test says otherwise. */
export const pauseAt = (offset: number, more: Partial<Pause> = {}): Pause => ({
  reason: 'unreadable',
  offset: String(offset),
  error: new PoolError(ErrorCode.batchUndecodable, 'damaged'),
  attempts: null,
  retries: 0,
  sinceMs: 0,
  retryAtMs: Number.POSITIVE_INFINITY,
  ...more,
})
