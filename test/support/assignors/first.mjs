// A cooperative assignor: the member whose id sorts first gets everything, whoever has it.
export const name = 'first'
export const isCooperative = true
export const assign = (members, partitionCounts) => {
  const [first] = members.map(({ memberId }) => memberId).sort()
  const all = [...partitionCounts].flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition })),
  )
  return new Map(members.map(({ memberId }) => [memberId, memberId === first ? all : []]))
}
