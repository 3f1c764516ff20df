/** The states of a thing that has a life, and where each may lead. */
export type Transitions<State extends string> = Readonly<Record<State, readonly State[]>>

/** Whether its table allows this step. Each machine has one place that sets its state, asks here, and throws when it may not. */
export const mayEnter = <State extends string>(table: Transitions<State>, from: State, to: State): boolean =>
  table[from].includes(to)
