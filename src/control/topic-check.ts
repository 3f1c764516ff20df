import type { KafkaConfig, SlotConfig } from '../config/resolved.js'
import { ErrorCode, PoolError } from '../errors.js'
import type { TopicMetadata } from '../kafka/face.js'

/**
 * Looks whether every subscribed topic is there, before anything joins. (A topic that vanishes later is tolerated.)
 *
 * @throws {@link PoolError} `KCP_TOPIC_MISSING` naming all that are not, `KCP_BROKER_REFUSED` when one may not be read
 */
export const checkTopics = async (
  slots: readonly SlotConfig[],
  metadata: (kafka: KafkaConfig, names: readonly string[]) => Promise<readonly TopicMetadata[]>,
): Promise<readonly TopicMetadata[]> => {
  const bySubscription = new Map(slots.map((slot) => [slot.subscription, slot]))
  const found = (
    await Promise.all([...bySubscription.values()].map(({ kafka, topics }) => metadata(kafka, topics)))
  ).flat()
  const forbidden = found.filter(({ error }) => error === 'TOPIC_AUTHORIZATION_FAILED').map(({ topic }) => topic)
  if (forbidden.length > 0) {
    const message = `not allowed to read ${quoted(forbidden)}. Give this user the Read and Describe permissions on it`
    throw new PoolError(ErrorCode.brokerRefused, message)
  }
  const missing = found.filter(({ error, partitions }) => error !== null || partitions.length === 0)
  if (missing.length > 0) {
    const names = quoted(missing.map(({ topic }) => topic))
    const reasons = [...new Set(missing.map(({ error }) => error ?? 'no partitions'))].join(', ')
    throw new PoolError(
      ErrorCode.topicMissing,
      `there is no topic ${names} on the broker (${reasons}). Create it first; topics are never created by consuming`,
    )
  }
  return found
}

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ')
