import type { GroupDescription } from '../../kafka/group.js'
import type { TopicMetadata } from '../../kafka/metadata.js'
import { partitionName } from '../../util/partition-name.js'
import { decodeAssignment } from './assignors/subscription.js'

/**
 * Which of these topics have partitions that no member of a stable group owns.
 *
 * @throws PoolError when a member was assigned what nobody here can read
 */
export const withoutOwner = (
  { members }: Pick<GroupDescription, 'members'>,
  topics: readonly TopicMetadata[],
): string[] => {
  const owned = new Set(members.flatMap(({ assignment }) => decodeAssignment(assignment)).map(partitionName))
  return topics
    .filter(({ topic, partitions }) =>
      partitions.some(({ partition }) => !owned.has(partitionName({ topic, partition }))),
    )
    .map(({ topic }) => topic)
}
