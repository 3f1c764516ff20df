import type { KafkaConfig, SlotConfig } from '../config/resolved.js'
import { ErrorCode, PoolError } from '../errors.js'
import type { TopicMetadata } from '../kafka/face.js'
import { sleep } from '../util/timers.js'

/** How often a topic that is not there is asked for again: one that was just created is not known to every broker. */
const TRIES = 10
const PAUSE_MS = 200
/** What a broker says of a topic that it may know of in a moment. */
const NOT_YET: readonly (string | null)[] = [null, 'UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']

const isMissing = ({ error, partitions }: TopicMetadata): boolean => error !== null || partitions.length === 0

/**
 * Looks whether every subscribed topic is there, before anything joins. (A topic that vanishes later is tolerated.)
 *
 * @throws {@link PoolError} `KCP_TOPIC_MISSING` naming all that are not, `KCP_BROKER_REFUSED` when one may not be read
 */
export const checkTopics = async (
  slots: readonly SlotConfig[],
  metadata: (kafka: KafkaConfig, names: readonly string[]) => Promise<readonly TopicMetadata[]>,
): Promise<readonly TopicMetadata[]> => {
  const subscriptions = [...new Map(slots.map((slot) => [slot.subscription, slot])).values()]
  const look = async () => (await Promise.all(subscriptions.map(({ kafka, topics }) => metadata(kafka, topics)))).flat()
  let found = await look()
  for (let tries = 1; tries < TRIES; tries++) {
    const missing = found.filter(isMissing)
    if (missing.length === 0 || missing.some(({ error }) => !NOT_YET.includes(error))) break
    await sleep(PAUSE_MS)
    found = await look()
  }
  const forbidden = found.filter(({ error }) => error === 'TOPIC_AUTHORIZATION_FAILED').map(({ topic }) => topic)
  if (forbidden.length > 0) {
    const message = `not allowed to read ${quoted(forbidden)}. Give this user the Read and Describe permissions on it`
    throw new PoolError(ErrorCode.brokerRefused, message)
  }
  const missing = found.filter(isMissing)
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
