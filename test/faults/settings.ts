import type { ConsumerPoolOptions } from '#src/index.js'
import { TIMES } from './times.js'

/** What cluster and pools are for one round. */
export interface Setting {
  readonly name: string
  /** Between the pools and an only node there is a proxy. */
  readonly nodes: 1 | 3
  /** What its pools have different. */
  readonly pool: Partial<ConsumerPoolOptions>
  /** They are run by the command with `--supervise`, and not by a program of their own. */
  readonly isSupervised: boolean
  /** They have a `stateDir`. */
  readonly hasStateDir: boolean
  /** How many rounds of a long run it has before the next one. */
  readonly rounds: number
  /** How many faults that an earlier one has played already a short run plays in it once more. */
  readonly again: number
}

const PLAIN = { nodes: 1, pool: {}, isSupervised: false, hasStateDir: false, rounds: 1, again: 0 } as const

/** All settings. A fault that fits several is played in the first of them in a short run, in each in a long one. */
export const SETTINGS: readonly Setting[] = [
  { ...PLAIN, name: 'one node', rounds: 2 },
  { ...PLAIN, name: 'three nodes', nodes: 3 },
  // Eager, as the first of the two deployments that move a group over.
  {
    ...{ ...PLAIN, name: 'a process for each slot', again: 3 },
    pool: { isolation: 'process', assignors: ['cooperative-sticky', 'roundrobin'] },
  },
  {
    ...{ ...PLAIN, name: 'under a supervisor', isSupervised: true, hasStateDir: true, again: 2 },
    // Processes die in it more often than a supervisor has patience for, and static members are to be back within a session.
    pool: { restart: { delayMs: 200, maxDelayMs: 1_000, probeMs: TIMES.probe, maxRestarts: 100 } },
  },
]
