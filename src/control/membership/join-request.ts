import type { SlotConfig } from '../../config/resolved.js'
import type { JoinRequest } from '../../kafka/group.js'
import { encodeSubscription } from './assignors/subscription.js'

/**
 * What a seat joins with.
 *
 * @param memberId empty for a new member
 * @param serial changes the bytes of the subscription when it changes, which makes the coordinator rebalance even for a
 *   follower
 */
export const joinRequest = (config: SlotConfig, memberId: string, serial: number): JoinRequest => {
  const { topics, assignors, consumer } = config
  const metadata = encodeSubscription({ topics, userData: userData(serial), rackId: consumer.rackId })
  return {
    groupId: consumer.groupId,
    memberId,
    instanceId: consumer.groupInstanceId,
    sessionTimeoutMs: consumer.sessionTimeout,
    rebalanceTimeoutMs: consumer.rebalanceTimeout,
    protocols: assignors.map((name) => ({ name, metadata })),
  }
}

const userData = (serial: number): Buffer | null => {
  if (serial === 0) return null
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(serial)
  return bytes
}
