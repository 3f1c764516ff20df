import { ErrorCode, PoolError } from '../../../errors.js'
import { partitionName } from '../../../util/partition-name.js'
import type { GroupAssignment } from './assignor.js'
import type { Answer, Question } from './assignor-thread.js'

/**
 * What the user's own assignor has answered, if it can be: each partition is there, and goes to one member, which
 * subscribes to its topic. One that goes to nobody is the assignor's business.
 *
 * @throws {@link PoolError} `KCP_MODULE_NOT_USABLE` that says what cannot be
 */
export const checkedAssignment = (
  answer: Answer,
  { members, partitionCounts }: Question,
  module: string,
): GroupAssignment => {
  const refuse = (what: string): never => {
    const remedy = 'Let it give each partition to one member at most, which subscribes to the topic'
    throw new PoolError(ErrorCode.moduleNotUsable, `the assignor of the module ${module} ${what}. ${remedy}`)
  }
  const topicsOf = new Map(members.map(({ memberId, topics }) => [memberId, new Set(topics)]))
  const owners = new Map<string, string>()
  const assignment: GroupAssignment = new Map(members.map(({ memberId }) => [memberId, []]))
  for (const [memberId, partitions] of answer) {
    const topics = topicsOf.get(memberId) ?? refuse(`gives partitions to "${memberId}", which is no member`)
    for (const { topic, partition } of partitions) {
      const name = partitionName({ topic, partition })
      const isThere = Number.isInteger(partition) && partition >= 0 && partition < (partitionCounts.get(topic) ?? 0)
      if (!isThere) refuse(`gives ${name} to "${memberId}", and there is no such partition`)
      if (!topics.has(topic)) refuse(`gives ${name} to "${memberId}", which does not subscribe to "${topic}"`)
      const other = owners.get(name)
      if (other !== undefined) refuse(`gives ${name} to "${other}" and to "${memberId}"`)
      owners.set(name, memberId)
      assignment.get(memberId)?.push({ topic, partition })
    }
  }
  return assignment
}
