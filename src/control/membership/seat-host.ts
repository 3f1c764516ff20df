import type { PoolError } from '../../errors.js'
import type { Membership } from '../../kafka/group.js'
import type { TopicPartition } from '../../kafka/metadata.js'

/** What a seat tells its slot. None of these may throw. */
export interface SeatHost {
  /** An eager rebalance begins: bring the thread to stand between two messages (bounded) and commit what is finished. */
  release(): Promise<void>
  /**
   * In the generation that has begun these partitions are not the slot's any more: begin nothing there, let come to its end
   * what is in flight (bounded) and commit what is finished. All others go on.
   */
  revoke(partitions: readonly TopicPartition[]): Promise<void>
  /**
   * The seat drains, and others shall have what nothing is in flight of: commit what is finished there.
   *
   * @returns what has to be kept
   */
  handOn(): Promise<readonly TopicPartition[]>
  /**
   * A new generation is in force with this assignment.
   *
   * @param follows false when others may have had in between what the slot holds: then it keeps nothing of that
   */
  assigned(partitions: readonly TopicPartition[], follows: boolean, generation: number): void
  /** The membership is gone: stop every partition at once, commit nothing. */
  lost(reason: string): void
  /** No message may start after this moment (monotonic ms) unless it is extended again. */
  lease(untilMs: number): void
  joined(membership: Membership, protocol: string, leader: boolean): void
  fenced(tries: number, retryInMs: number | null): void
  /**
   * The broker will not have this member, or no assignment can be made, until a person changes something. The seat goes on
   * asking; a start ends with it, so that a member that can may lead.
   */
  refused(error: PoolError): void
}
