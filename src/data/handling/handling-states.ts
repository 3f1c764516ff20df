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
} as const satisfies Record<string, readonly string[]>

export type Handling = keyof typeof HANDLING_TRANSITIONS

export const mayEnter = (from: Handling, to: Handling): boolean =>
  (HANDLING_TRANSITIONS[from] as readonly string[]).includes(to)
