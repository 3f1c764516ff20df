import type { ConsumerPoolOptions } from '#src/index.js'

/** What cluster and pools are for one round. */
export interface Setting {
  readonly name: string
  /** Between the pools and an only node there is a proxy. */
  readonly nodes: 1 | 3
  /** What its pools have different. */
  readonly pool: Partial<ConsumerPoolOptions>
  /** How many rounds of a long run it has before the next one. */
  readonly rounds: number
}

/** All settings. A fault that fits several is played in the first of them in a short run, in each in a long one. */
export const SETTINGS: readonly Setting[] = [
  { name: 'one node', nodes: 1, pool: {}, rounds: 2 },
  { name: 'three nodes', nodes: 3, pool: {}, rounds: 1 },
]
