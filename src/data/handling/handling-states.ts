import type { Transitions } from '../../util/transitions.js'

/**
 * Where a partition stands with the dispatcher, and where each may lead.
 *
 * - `queued`: it is its turn soon
 * - `waiting`: a retry is due later
 * - `dead-lettering`: main stores its next message in the dead-letter topic, and answers
 * - `paused`: its next message is exhausted, or its dead letter is not stored yet; main assigns the partition anew
 */
export const HANDLING_TRANSITIONS = {
  idle: ['queued'],
  queued: ['running'],
  running: ['idle', 'waiting', 'dead-lettering', 'paused'],
  waiting: ['idle'],
  'dead-lettering': ['idle', 'paused'],
  paused: [],
} as const satisfies Transitions<string>

export type Handling = keyof typeof HANDLING_TRANSITIONS
