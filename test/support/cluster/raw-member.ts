import { encodeSubscription } from '#src/control/membership/assignors/subscription.js'
import type { Membership } from '#src/kafka/group.js'
import type { KafkaError } from '#src/kafka/kafka-error.js'
import { brokers } from './clients.js'
import { rawClient } from './raw-client.js'

/** What an administrator, or a member with bad manners, can do to a group: single requests over a connection of its own. */
export interface RawMember {
  /** Throws a dynamic member out, as `Admin.removeMembersFromConsumerGroup` does. */
  remove(memberId: string): Promise<void>
  /** Joins and syncs with a subscription to these topics; as a new member when `memberId` is empty. */
  join(as: { readonly memberId: string; readonly instanceId: string | null }): Promise<Membership>
  heartbeat(member: Membership): Promise<void>
}

/** For one group; closed after the test. */
export const rawMember = async (groupId: string, topics: readonly string[]): Promise<RawMember> => {
  const client = await rawClient(brokers())
  const node = await client.findCoordinator(groupId)
  const metadata = encodeSubscription({ topics, userData: null, rackId: null })
  return {
    remove: (memberId) => client.leaveGroup(node, { groupId, memberId, instanceId: null }),
    join: async ({ memberId, instanceId }) => {
      const request = {
        groupId,
        memberId,
        instanceId,
        sessionTimeoutMs: 60_000,
        rebalanceTimeoutMs: 60_000,
        protocols: ['cooperative-sticky', 'roundrobin'].map((name) => ({ name, metadata })),
      }
      const joined = await client.joinGroup(node, request).catch((error: KafkaError) => {
        if (error.memberId === undefined) throw error
        return client.joinGroup(node, { ...request, memberId: error.memberId })
      })
      const member = { groupId, generation: joined.generation, memberId: joined.memberId, instanceId }
      await client.syncGroup(node, member, [], 0)
      return member
    },
    heartbeat: (member) => client.heartbeat(node, member),
  }
}
