import { inOrder } from '../../config/fixed-partitions.js'
import type { KafkaConfig, SlotConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import { adviceOn, isRefusal } from '../../kafka/brokers/refusal-advice.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import type { TopicMetadata, TopicPartition } from '../../kafka/metadata.js'
import { monotonicMs } from '../../util/clock.js'
import { partitionName } from '../../util/partition-name.js'
import { sleep } from '../../util/timers.js'
import { isGone } from './gone-partitions.js'

/** How often a topic that is not there is asked for again: one that was just created is not known to every broker. */
const TRIES = 10
const PAUSE_MS = 200
/** For how long a broker that gives no answer is asked again: it may just be restarted. */
const PATIENCE_MS = TRIES * PAUSE_MS
/** What a broker says of a topic that it may know of in a moment. */
const NOT_YET: readonly (string | null)[] = [null, 'UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']

const isMissing = ({ error, partitions }: TopicMetadata): boolean => error !== null || partitions.length === 0

/**
 * Looks whether every subscribed topic is there, and every fixed partition, before anything joins. (A topic that vanishes later is tolerated.)
 *
 * @param slots one of each subscription, for each way in which its slots reach a cluster; with all fixed partitions of those
 * @throws {@link PoolError} `KCP_TOPIC_MISSING` naming all that are not, `KCP_BROKER_REFUSED` when one may not be read,
 *   `KCP_BROKER_UNREACHABLE` when the brokers do not answer any more
 */
export const checkTopics = async (
  slots: readonly SlotConfig[],
  metadata: (kafka: KafkaConfig, names: readonly string[]) => Promise<readonly TopicMetadata[]>,
): Promise<readonly TopicMetadata[]> => {
  const ask = ({ kafka, topics }: SlotConfig) => answered(`the topics ${quoted(topics)}`, () => metadata(kafka, topics))
  const look = async () => {
    const answers = await Promise.all(slots.map(async (slot) => ({ slot, found: await ask(slot) })))
    const lacking = answers.flatMap((answer) => lackingIn(answer.slot, answer.found))
    return { found: answers.flatMap((answer) => answer.found), lacking }
  }
  let { found, lacking } = await look()
  for (let tries = 1; tries < TRIES; tries++) {
    const missing = found.filter(isMissing)
    if (missing.some(({ error }) => !NOT_YET.includes(error))) break
    if (missing.length === 0 && lacking.length === 0) break
    await sleep(PAUSE_MS)
    ;({ found, lacking } = await look())
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
  if (lacking.length > 0) throw noPartitions(lacking, found)
  return found
}

/** Fixed partitions that are not there, of topics that are. */
const lackingIn = ({ fixed }: SlotConfig, found: readonly TopicMetadata[]): readonly TopicPartition[] => {
  const there = found.filter((topic) => !isMissing(topic))
  return (fixed ?? []).filter((partition) => isGone(partition, there) === true)
}

const noPartitions = (lacking: readonly TopicPartition[], found: readonly TopicMetadata[]): PoolError => {
  const topics = [...new Set(lacking.map(({ topic }) => topic))].map((topic) => {
    const count = found.find((each) => each.topic === topic)?.partitions.length ?? 0
    return `"${topic}" has ${count === 1 ? '1, which is 0' : `${count}, from 0 to ${count - 1}`}`
  })
  const one = lacking.length === 1
  const names = [...lacking].sort(inOrder).map(partitionName).join(', ')
  return new PoolError(
    ErrorCode.topicMissing,
    `there ${one ? 'is no partition' : 'are no partitions'} ${names} on the broker: ${topics.join('; ')}. Remove ${one ? 'it' : 'them'} from assign, or add partitions to the topic`,
  )
}

/**
 * Asks brokers of which one was reached a moment ago.
 *
 * @param what is looked up, for messages
 * @throws {@link PoolError} `KCP_BROKER_REFUSED`, or `KCP_BROKER_UNREACHABLE` when they do not answer any more
 */
export const answered = async <T>(what: string, ask: () => Promise<T>): Promise<T> => {
  for (const untilMs = monotonicMs() + PATIENCE_MS; ; ) {
    try {
      return await ask()
    } catch (cause) {
      if (!(cause instanceof KafkaError) || cause.type === 'CLOSED') throw cause
      const failure = `${what} could not be looked up: ${cause.message}`
      if (isRefusal(cause)) throw new PoolError(ErrorCode.brokerRefused, `${failure}. ${adviceOn(cause)}`, { cause })
      if (monotonicMs() >= untilMs) {
        const advice = 'A broker was there a moment ago: see whether it is being restarted, then start again'
        throw new PoolError(ErrorCode.brokerUnreachable, `${failure}. ${advice}`, { cause })
      }
    }
    await sleep(PAUSE_MS)
  }
}

const quoted = (names: readonly string[]): string => [...new Set(names)].map((name) => `"${name}"`).join(', ')
