/** The assignors, by the names that users, JoinGroup and the answer to it give them. */
export const assignorNames = ['cooperative-sticky', 'range', 'roundrobin', 'RoundRobinAssigner'] as const

export type AssignorName = (typeof assignorNames)[number]

/** One of these, or the module of an assignor of the user's own. Editors offer the names. */
export type AssignorOption = AssignorName | (string & {})

/** @param name of a module the URL */
export const isAssignor = (name: string): boolean =>
  name.startsWith('file:') || assignorNames.some((known) => known === name)
