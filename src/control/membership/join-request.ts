import type { SlotConfig } from '../../config/resolved.js'
import type { JoinRequest } from '../../kafka/group.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import type { Protocol } from './assignors/assignors.js'
import { stickyUserData } from './assignors/sticky-user-data.js'
import { encodeSubscription } from './assignors/subscription.js'

/** What a seat says that it owns. */
export interface Claim {
  readonly owned: readonly TopicPartition[]
  /** In which it got that; -1 for none. */
  readonly generation: number
  /** It keeps that until its handlers are back, and wants nothing else. */
  readonly isDraining: boolean
}

export const NO_CLAIM: Claim = { owned: [], generation: -1, isDraining: false }

/**
 * What a seat joins with.
 *
 * @param offered its assignors, in order of preference
 * @param memberId empty for a new member
 * @param claim of one that goes on with what it owns while the group rebalances
 * @param serial changes the bytes of the subscription when it changes, which makes the coordinator rebalance even for a
 *   follower
 */
export const joinRequest = (
  { topics, consumer }: SlotConfig,
  offered: readonly Protocol[],
  memberId: string,
  claim: Claim,
  serial: number,
): JoinRequest => {
  const { owned, generation } = claim
  const subscription = { topics, owned, generation, rackId: consumer.rackId }
  return {
    groupId: consumer.groupId,
    memberId,
    instanceId: consumer.groupInstanceId,
    sessionTimeoutMs: consumer.sessionTimeout,
    rebalanceTimeoutMs: consumer.rebalanceTimeout,
    protocols: offered.map(({ name, isCooperative }) => {
      const data = isCooperative ? stickyUserData(claim, serial) : userData(serial)
      return { name, metadata: encodeSubscription({ ...subscription, userData: data }) }
    }),
  }
}

const userData = (serial: number): Buffer | null => {
  if (serial === 0) return null
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(serial)
  return bytes
}
