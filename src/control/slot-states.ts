import type { Transitions } from '../util/transitions.js'
import type { SlotState } from './status.js'

/** The states of a slot and where each may lead. */
export const SLOT_TRANSITIONS = {
  starting: ['running', 'restarting', 'parked', 'stopping'],
  running: ['restarting', 'parked', 'stopping'],
  // Again: the replacement died before it had taken anything up.
  restarting: ['running', 'restarting', 'parked', 'stopping'],
  // Again: parked for a while, and now for good.
  parked: ['restarting', 'parked', 'stopping'],
  stopping: ['stopped'],
  stopped: [],
} as const satisfies Transitions<SlotState>

/** The slot stops or has stopped: nothing begins any more. */
export const isOver = (state: SlotState): boolean => state === 'stopping' || state === 'stopped'
