/** The steps of a pool's life and where each may lead. */
export const POOL_TRANSITIONS = {
  created: ['starting', 'stopping'],
  starting: ['running', 'stopping'],
  running: ['stopping'],
  stopping: ['stopped'],
  stopped: [],
} as const satisfies Record<string, readonly string[]>

export type PoolStep = keyof typeof POOL_TRANSITIONS

export const mayEnter = (from: PoolStep, to: PoolStep): boolean =>
  (POOL_TRANSITIONS[from] as readonly string[]).includes(to)
