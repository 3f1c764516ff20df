import type { Membership } from '../../kafka/group.js'
import type { Coordinator } from './coordinator.js'
import type { SeatState } from './seat-states.js'

/**
 * What a slot needs of its seat, whether that is a membership in a group (`Seat`) or a place with fixed partitions
 * (`FixedSeat`). It is used once: whoever wants to have a seat again after it has left takes a new one.
 */
export interface SlotSeat {
  readonly state: SeatState
  /** `client.id` of the seat's client. */
  readonly clientId: string
  /** Who the seat is to the coordinator. Generation -1 and no id where it is no member. */
  readonly membership: Membership
  /** The assignor that is in force; '' where there is none. */
  readonly protocol: string
  readonly isLeader: boolean
  /** It is a member, or holds what is fixed, and nothing is in the way of what it holds. */
  readonly isStable: boolean
  /** What it holds may be handled and counts: the slot may say that it has started. */
  readonly hasBegun: boolean
  /** False while nothing says that what it holds is still its own: no message may begin then. */
  readonly isConfirmed: boolean
  /** True while the broker does not let the seat in, or will not have it, until a person changes something. */
  readonly isRefused: boolean
  /** Whether the coordinator may be told what is finished. */
  readonly mayCommit: boolean
  /** The coordinator over the seat's own client; null while that may be kept waiting. */
  readonly freeCoordinator: Coordinator | null

  /** Connects the client. Rejects when no broker can be reached. Not needed, but whoever awaits it hears why. */
  connect(): Promise<void>
  /** Begins to get partitions for its slot, and goes on trying until it is told to leave. */
  start(): void
  /** From now on the seat keeps what it has, and does not begin anew. */
  drain(): void
  /** Handlers of a draining seat take their time: others get what it does not need, where there are others. */
  handOn(siblingsStay?: boolean): void
  /** Gives everything up for good and closes the client. Never rejects. @param sendLeave whether somebody is told */
  leave(sendLeave: boolean, siblingsStay?: boolean): Promise<void>
  /** The coordinator has stored offsets in the seat's name. */
  committed(): void
  /** The coordinator has refused offsets in the seat's name, and says what of it is not right. */
  commitRefused(error: unknown): void
}
