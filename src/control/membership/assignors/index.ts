import type { AssignorName } from '../../../config/assignor-names.js'
import type { Assignor } from './assignor.js'
import { cooperativeSticky } from './cooperative-sticky.js'
import { kafkajsRoundRobin } from './kafkajs-round-robin.js'
import { range } from './range.js'
import { roundRobin } from './round-robin.js'

export type { Assignor, GroupAssignment, MemberSubscription, OwnAssignor, ReplicaRacks } from './assignor.js'

/** Every assignor by the name that users and JoinGroup give it. */
export const assignors: Readonly<Record<AssignorName, Assignor>> = {
  'cooperative-sticky': cooperativeSticky,
  range,
  roundrobin: roundRobin,
  RoundRobinAssigner: kafkajsRoundRobin,
}

/** The assignor of the protocol that the coordinator chose; `undefined` when it is none of ours. */
export const assignorNamed = (name: string): Assignor | undefined =>
  Object.hasOwn(assignors, name) ? assignors[name as AssignorName] : undefined
