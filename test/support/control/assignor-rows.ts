import type { GroupAssignment, MemberSubscription } from '#src/control/membership/assignors/index.js'

/** A row of a table of assignments: who subscribes to what, how many partitions there are, and who gets which. */
export type AssignorRow = [
  sentence: string,
  members: MemberSubscription[],
  counts: Record<string, number>,
  result: Record<string, string>,
]

/** @param topics their names, with blanks between */
export const member = (
  memberId: string,
  topics: string,
  more: Partial<MemberSubscription> = {},
): MemberSubscription => ({
  ...{ memberId, instanceId: null, topics: topics === '' ? [] : topics.split(' ') },
  ...more,
})

/** `{ A: 't0 t1 u0' }` */
export const readable = (assignment: GroupAssignment): Record<string, string> =>
  Object.fromEntries(
    [...assignment].map(([id, owned]) => [id, owned.map(({ topic, partition }) => `${topic}${partition}`).join(' ')]),
  )
