import type { RestartConfig } from '../resolved.js'
import { countOfDoubling, sumOfDoubling } from './doubling.js'
import { RESTARTS_PER_SECOND } from './own-times.js'

/** A delay may be that much longer. */
const JITTER = 1.2

/** How long all pauses between the crashes of a slot are together, at their longest, before it is parked. */
export const pausesBeforeParkingMs = (delayMs: number, maxDelayMs: number, maxRestarts: number): number =>
  sumOfDoubling(delayMs, maxDelayMs, maxRestarts - 2)

/**
 * How many crashes of a pool can fall into its window, if all threads die at once and every other one has finished a
 * message, so that no slot is ever parked: more than the pool's limit may be.
 */
export const crashesWithin = (
  { delayMs, maxDelayMs, windowMs }: Pick<RestartConfig, 'delayMs' | 'maxDelayMs' | 'windowMs'>,
  slots: number,
): number => {
  // The first two come without a delay.
  const ofOne = 2 + countOfDoubling(Math.ceil(JITTER * delayMs), maxDelayMs, windowMs)
  return Math.min(slots * ofOne, slots + Math.floor((windowMs / 2_000) * RESTARTS_PER_SECOND))
}

/** How many are allowed when nobody has said it: what all slots may have, no fewer than ten, and if possible no more than can be. */
export const defaultPoolLimit = (restart: Omit<RestartConfig, 'maxPoolRestarts'>, slots: number): number => {
  const { maxRestarts } = restart
  return Math.max(maxRestarts, Math.min(Math.max(10, maxRestarts * slots), crashesWithin(restart, slots) - 1))
}
