import type { Transitions } from '../../util/transitions.js'

/** The states of a seat and where each may lead. */
export const SEAT_TRANSITIONS = {
  unjoined: ['joining', 'assigned', 'leaving', 'left'],
  joining: ['joining', 'stable', 'lost', 'fenced', 'leaving', 'left'],
  stable: ['rebalancing', 'lost', 'fenced', 'leaving', 'left'],
  rebalancing: ['rebalancing', 'stable', 'lost', 'fenced', 'leaving', 'left'],
  lost: ['lost', 'joining', 'fenced', 'leaving', 'left'],
  fenced: ['joining', 'leaving', 'left'],
  // Of fixed partitions. While it is refused the broker does not store its offsets.
  assigned: ['refused', 'left'],
  refused: ['assigned', 'left'],
  leaving: ['left'],
  left: [],
} as const satisfies Transitions<string>

export type SeatState = keyof typeof SEAT_TRANSITIONS

/** True while the coordinator counts the seat among the group's members, as far as the seat knows. */
export const isMember = (state: SeatState): boolean => state === 'stable' || state === 'rebalancing'
