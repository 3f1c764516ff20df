import { setTimeout as sleep } from 'node:timers/promises'
import { PoolError } from '../errors.js'
import type { JoinResult, TopicMetadata } from '../kafka/face.js'
import { assignorNamed } from './assignors/index.js'
import { decodeSubscription, encodeAssignment } from './assignors/subscription.js'

const TRIES = 3
const BETWEEN_TRIES_MS = 100

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
  const counts = new Map((await steadyTopics(names, topics)).map(({ topic, partitions }) => [topic, partitions.length]))
  const assignment = assignor.assign(members, counts)
  return members.map(({ memberId }) => ({ memberId, assignment: encodeAssignment(assignment.get(memberId) ?? []) }))
}

/** A broker that has just heard of a topic, or a topic between two leaders, must not be taken for no topic at all. */
const steadyTopics = async (
  names: readonly string[],
  topics: (names: readonly string[]) => Promise<readonly TopicMetadata[]>,
): Promise<readonly TopicMetadata[]> => {
  for (let tries = 1; ; tries++) {
    const found = await topics(names)
    if (tries === TRIES || found.every(({ error }) => error === null)) return found
    await sleep(BETWEEN_TRIES_MS)
  }
}
