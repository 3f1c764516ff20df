import type { Transitions } from '../../util/transitions.js'

/**
 * Where a partition stands with the dispatcher, and where each may lead.
 *
 * - `queued`: it is its turn soon
 * - `waiting`: a retry is due later
 * - `paused`: its next message is exhausted; main assigns the partition anew
 */
export const HANDLING_TRANSITIONS = {
  idle: ['queued'],
  queued: ['running'],
  running: ['idle', 'waiting', 'paused'],
  waiting: ['idle'],
  paused: [],
} as const satisfies Transitions<string>

export type Handling = keyof typeof HANDLING_TRANSITIONS
