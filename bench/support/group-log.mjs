import { GroupLog } from '#scripts/support/group-log.js'

/**
 * What the group's coordinator wrote down last.
 *
 * @returns the generation, and `assignment`: for each member (instance id, or client id) its partitions, as text
 */
export const lastGeneration = async ({ brokers }, groupId) => {
  const log = new GroupLog(brokers)
  try {
    const { generation, members } = (await log.history(groupId)).at(-1)
    const held = members.map(({ groupInstanceId, clientId, assignment }) => {
      return `${groupInstanceId ?? clientId}: ${Object.values(assignment).flat().join(' ')}`
    })
    return { generation, assignment: held.sort().join('; ') }
  } finally {
    await log.close()
  }
}
