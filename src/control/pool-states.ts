import type { Transitions } from '../util/transitions.js'

/** The steps of a pool's life and where each may lead. */
export const POOL_TRANSITIONS = {
  created: ['starting', 'stopping'],
  starting: ['running', 'stopping'],
  running: ['stopping'],
  stopping: ['stopped'],
  stopped: [],
} as const satisfies Transitions<string>

export type PoolStep = keyof typeof POOL_TRANSITIONS
