import { randomBytes } from 'node:crypto'
import { type Admin, KafkaJSProtocolError, type Message, type RecordMetadata } from 'kafkajs'
import { inject } from 'vitest'
import { adminClient, closeAfterFile, producerClient } from './clients.js'
import { until } from './until.js'

const MESSAGES_PER_REQUEST = 1000

/** A name that no other test uses: for topics and groups. */
export const uniqueName = (base: string): string => `${base}-${randomBytes(5).toString('hex')}`

export interface TopicOptions {
  readonly partitions: number
  /** Start of the name; the rest makes it unique. @default `topic` */
  readonly name?: string
  /** Topic configuration such as `retention.ms`. */
  readonly config?: Readonly<Record<string, string>>
}

/** Makes a topic of exactly this name; resolves when each partition has a leader. */
export const makeTopic = async (admin: Admin, topic: string, options: Omit<TopicOptions, 'name'>): Promise<void> => {
  const configEntries = Object.entries(options.config ?? {}).map(([name, value]) => ({ name, value }))
  // KafkaJS's own `waitForLeaders` fails when the node that it asks has not heard of the topic yet.
  await admin.createTopics({
    topics: [{ topic, numPartitions: options.partitions, configEntries }],
    waitForLeaders: false,
  })
  const hasLeaders = async (): Promise<boolean> => {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      const partitions = topics[0]?.partitions ?? []
      return partitions.length === options.partitions && partitions.every(({ leader }) => leader >= 0)
    } catch (error) {
      if (error instanceof KafkaJSProtocolError && /UNKNOWN_TOPIC|LEADER_NOT_AVAILABLE/.test(error.type)) return false
      throw error
    }
  }
  await until(hasLeaders, { what: `a leader for each partition of ${topic}` })
}

/** Makes a topic with a leader for every partition and resolves with its name. */
export const createTopic = async ({ name = 'topic', ...options }: TopicOptions): Promise<string> => {
  const admin = await adminClient()
  const topic = uniqueName(name)
  await makeTopic(admin, topic, options)
  // The embedded broker takes its topics with it; somebody else's is left as it was found.
  if (inject('externalBroker')) closeAfterFile(() => admin.deleteTopics({ topics: [topic] }))
  return topic
}

/** Sends messages, all replicas confirming, in their order; resolves with where the requests' first messages are. */
export const produce = async (topic: string, messages: readonly Message[]): Promise<RecordMetadata[]> => {
  const producer = await producerClient()
  const written: RecordMetadata[] = []
  for (let from = 0; from < messages.length; from += MESSAGES_PER_REQUEST) {
    const batch = messages.slice(from, from + MESSAGES_PER_REQUEST)
    written.push(...(await producer.send({ topic, acks: -1, messages: batch })))
  }
  return written
}
