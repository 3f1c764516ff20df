import type { Logger } from 'pino'
import type { JoinResult } from '../../kafka/group.js'
import type { TopicMetadata } from '../../kafka/metadata.js'
import type { Assignors } from './assignors/assignors.js'
import type { MemberSubscription, ReplicaRacks } from './assignors/index.js'
import { generationIn, isDrainingIn } from './assignors/sticky-user-data.js'
import { decodeSubscription, encodeAssignment, TopicLists } from './assignors/subscription.js'
import { type AskTopics, steadyTopics } from './steady-topics.js'

/** What an assignment was computed from: how many partitions each topic of the group had, none when it was in error. */
export type PartitionCounts = ReadonlyMap<string, number>

export interface GroupAssignment {
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]
  readonly counts: PartitionCounts
}

/**
 * What a seat does when the coordinator made it the leader: assign the partitions of all members' topics to all
 * members. The topics may differ by member. One that the broker says nothing good of counts as having no partitions;
 * the leader keeps the counts and makes the group rebalance when they turn out to be others, as Java's does.
 *
 * @param topics fresh metadata, because a stale partition count would leave partitions to nobody
 * @param sessionMs of the leader: see {@link Assignors.assign}
 */
export const assignForGroup = async (
  joined: JoinResult,
  topics: AskTopics,
  assignors: Assignors,
  log: Logger,
  sessionMs?: number,
): Promise<GroupAssignment> => {
  const lists = new TopicLists()
  const members = joined.members.map((member) => subscriptionOf(member, lists))
  const names = [...new Set(members.flatMap((member) => member.topics))]
  const found = await steadyTopics(names, topics)
  const unknown = found.filter(({ error }) => error !== null)
  if (unknown.length > 0) {
    const message = 'topics that the broker does not describe are assigned to nobody; the group rebalances when it does'
    log.warn({ topics: Object.fromEntries(unknown.map(({ topic, error }) => [topic, error])) }, message)
  }
  const counts = new Map(found.map((topic) => [topic.topic, countOf(topic)]))
  const assignment = await assignors.assign(joined.protocol, members, counts, replicaRacks(found), sessionMs)
  const assignments = members.map(({ memberId }) => ({
    memberId,
    assignment: encodeAssignment(assignment.get(memberId) ?? []),
  }))
  return { assignments, counts }
}

/** Of no topics where the brokers name no racks. */
const replicaRacks = (found: readonly TopicMetadata[]): ReplicaRacks => {
  const named = found.filter(({ partitions }) => partitions.some(({ racks = [] }) => racks.length > 0))
  return new Map(named.map(({ topic, partitions }) => [topic, partitions.map(({ racks = [] }) => racks)]))
}

const subscriptionOf = (
  { memberId, instanceId, metadata }: JoinResult['members'][number],
  lists: TopicLists,
): MemberSubscription => {
  const { userData, generation, ...subscription } = decodeSubscription(metadata, lists)
  const said = { memberId, instanceId, ...subscription, isDraining: isDrainingIn(userData) }
  return { ...said, generation: generation < 0 ? generationIn(userData) : generation }
}

const countOf = ({ error, partitions }: TopicMetadata): number => (error === null ? partitions.length : 0)

/**
 * The topics of an assignment that have another number of partitions by now, in words. A topic that is gone has none; an
 * error of another kind says nothing.
 */
export const changedTopics = (counts: PartitionCounts, found: readonly TopicMetadata[]): string[] =>
  found.flatMap((topic) => {
    const before = counts.get(topic.topic)
    const isKnown = topic.error === null || topic.error === 'UNKNOWN_TOPIC_OR_PARTITION'
    const now = countOf(topic)
    return !isKnown || before === undefined || now === before ? [] : [`"${topic.topic}" has ${now}, not ${before}`]
  })
