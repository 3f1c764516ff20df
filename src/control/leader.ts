import { PoolError } from '../errors.js'
import type { JoinResult, TopicMetadata } from '../kafka/face.js'
import { assignorNamed } from './assignors/index.js'
import { decodeSubscription, encodeAssignment } from './assignors/subscription.js'

/**
 * What a seat does when the coordinator made it the leader: assign the partitions of all members' topics to all
 * members. The topics may differ by member; one that does not exist counts as having no partitions.
 *
 * @param topics fresh metadata, because a stale partition count would leave partitions to nobody
 */
export const assignForGroup = async (
  joined: JoinResult,
  topics: (names: readonly string[]) => Promise<readonly TopicMetadata[]>,
): Promise<{ memberId: string; assignment: Buffer }[]> => {
  const assignor = assignorNamed(joined.protocol)
  if (assignor === undefined) {
    throw new PoolError(
      'KCP_PROTOCOL_REFUSED',
      `the group chose the assignor "${joined.protocol}", which was not offered`,
    )
  }
  const members = joined.members.map(({ memberId, instanceId, metadata }) => {
    const { topics: names } = decodeSubscription(metadata)
    return { memberId, instanceId, topics: names }
  })
  const names = [...new Set(members.flatMap((member) => member.topics))]
  const counts = new Map((await topics(names)).map(({ topic, partitions }) => [topic, partitions.length]))
  const assignment = assignor.assign(members, counts)
  return members.map(({ memberId }) => ({ memberId, assignment: encodeAssignment(assignment.get(memberId) ?? []) }))
}
