import type { Logger } from 'pino'
import type { SlotConfig } from '../../config/resolved.js'
import { PoolError } from '../../errors.js'
import type { GroupDescription } from '../../kafka/group.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import type { TopicMetadata } from '../../kafka/metadata.js'
import { decodeAssignment, decodeSubscription } from './assignors/subscription.js'
import type { Coordinator } from './coordinator.js'
import type { AskTopics } from './steady-topics.js'
import { withoutOwner } from './without-owner.js'

/*
 * The coordinator keeps the assignment of a static member that is away and hands it back to whoever comes with its
 * instance id, in the same generation, without a look at what that one subscribes to (KAFKA-12759) and at the topics,
 * which may have grown meanwhile. So who comes back looks himself, before he joins.
 */

const names = (topics: readonly string[]): string => topics.map((topic) => `"${topic}"`).join(', ')

const topicOf = ({ topic }: { readonly topic: string }): string => topic

const difference = (of: readonly string[], without: readonly string[]): string[] =>
  of.filter((topic) => !without.includes(topic))

const changes = (before: readonly string[], now: readonly string[]): string | null => {
  const [added, dropped] = [difference(now, before), difference(before, now)]
  const words = [added.length > 0 ? `also ${names(added)}` : '', dropped.length > 0 ? `no more ${names(dropped)}` : '']
  const said = words.filter((word) => word !== '').join(' and ')
  return said === '' ? null : `the static member has come back and subscribes to ${said}`
}

const unowned = (group: GroupDescription, metadata: readonly TopicMetadata[]): string | null => {
  const missing = withoutOwner(group, metadata)
  return missing.length === 0
    ? null
    : `the static member has come back and partitions of ${names(missing)} have no owner`
}

/**
 * Why the assignment that the group has kept for a static member is not what a rebalance would give it; null when it
 * is, when nothing was kept, and when other members wrote what nobody here can read.
 *
 * @param metadata of the topics that the member subscribes to now
 */
export const whyOutdated = (
  group: GroupDescription,
  instanceId: string,
  metadata: readonly TopicMetadata[],
): string | null => {
  const kept = group.members.find((member) => member.instanceId === instanceId)
  if (group.state !== 'Stable' || kept === undefined) return null
  try {
    // A process that was killed in the middle of coming back has left its new subscription with its old assignment.
    const before = [...decodeSubscription(kept.metadata).topics, ...decodeAssignment(kept.assignment).map(topicOf)]
    return changes([...new Set(before)], metadata.map(topicOf)) ?? unowned(group, metadata)
  } catch (error) {
    if (error instanceof PoolError) return null
    throw error
  }
}

/**
 * Asks the coordinator and looks, see {@link whyOutdated}. A broker that will not describe groups is no reason not to
 * join.
 */
export const lookAtKeptAssignment = async (
  { consumer, topics }: SlotConfig,
  coordinator: Coordinator,
  metadata: AskTopics,
  log: Logger,
): Promise<string | null> => {
  const { groupId, groupInstanceId } = consumer
  if (groupInstanceId === null) return null
  try {
    const group = await coordinator.ask((client, node) => client.describeGroup(node, groupId))
    if (!group.members.some(({ instanceId }) => instanceId === groupInstanceId)) return null
    return whyOutdated(group, groupInstanceId, await metadata(topics))
  } catch (error) {
    if (!(error instanceof KafkaError) || error.retriable) throw error
    log.debug({ err: error, groupId }, 'could not see what the group has kept for a static member')
    return null
  }
}
