import type { InFlightMessage } from './events.js'
import { type Holding, isOnHold, lagOf, standsThere } from './holdings.js'
import { type Outlook, outlookOf } from './pauses.js'
import type { SlotState } from './status.js'
import type { CrashBook } from './supervision/crash-book.js'

/** How a slot is at the moment of the question. */
export interface SlotCondition {
  readonly state: SlotState
  readonly seat: { readonly isConfirmed: boolean; readonly isRefused: boolean }
  /** The group keeps its members waiting, and for longer than is usual. */
  readonly groupWaits: boolean
  readonly assignment: { readonly inForce: boolean; readonly isComplete: boolean }
  readonly holdings: readonly Holding[]
  /** Those of them where messages wait and nothing moves. */
  readonly stalled: readonly Holding[]
  /** The thread that fills the slot has its handler, a client that is connected and what it was given at its start. */
  readonly isReady: boolean
  /** What that thread has finished, and what it handles. */
  readonly finished: number
  readonly inFlight: readonly InFlightMessage[]
  readonly crashes: Pick<CrashBook, 'wasParked' | 'isUnproven'>
}

/** True when the slot is a member of its group and has a thread for everything that it was assigned. */
const isSettled = ({ state, seat, assignment }: SlotCondition): boolean =>
  state === 'running' && seat.isConfirmed && assignment.isComplete

/** Threads that die of the same thing one after the other look well in between. */
const isUnproven = ({ assignment, holdings, finished, inFlight, crashes }: SlotCondition): boolean => {
  const messagesWait =
    !assignment.inForce || // nobody knows yet
    inFlight.length > 0 ||
    holdings.some((holding) => holding.paused === null && !isOnHold(holding) && lagOf(holding) !== 0n)
  return crashes.isUnproven({ finished, inFlight, messagesWait })
}

/** True when the slot is a member of its group and handles everything that it was assigned, but for what a user has paused. */
export const isHealthy = (slot: SlotCondition): boolean =>
  isSettled(slot) &&
  !slot.seat.isRefused &&
  !slot.groupWaits &&
  !isUnproven(slot) &&
  slot.stalled.length === 0 &&
  slot.holdings.every((holding) => holding.paused === null && (!holding.away || isOnHold(holding)))

/** True when the slot is parked, or is being tried again and has done no good yet. */
export const isGivenUp = (slot: SlotCondition): boolean =>
  slot.state === 'parked' || (slot.crashes.wasParked && (!slot.isReady || isUnproven(slot)))

/** Whether there is hope for what the slot holds. */
export const outlookFor = (slot: SlotCondition): Outlook => {
  if (slot.state === 'parked') return 'idle'
  const pauses = slot.holdings
    .filter((holding) => !isOnHold(holding)) // somebody keeps it where it is
    .filter((holding) => holding.paused !== null || !slot.stalled.includes(holding)) // that one moves as little
    .map((holding) => (standsThere(holding) ? holding.paused : null))
  return outlookOf(pauses, isSettled(slot))
}
