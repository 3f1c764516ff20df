/** The assignors, by the names that users, JoinGroup and the answer to it give them. */
export const assignorNames = ['cooperative-sticky', 'range', 'roundrobin', 'RoundRobinAssigner'] as const

export type AssignorName = (typeof assignorNames)[number]
