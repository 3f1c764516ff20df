import type { Message, RecordMetadata } from 'kafkajs'
import { inject } from 'vitest'
import { makeTopic, uniqueName } from '#scripts/support/topics.js'
import { adminClient, closeAfterFile, producerClient } from './clients.js'

const MESSAGES_PER_REQUEST = 1000

export interface TopicOptions {
  readonly partitions: number
  /** Start of the name; the rest makes it unique. @default `topic` */
  readonly name?: string
  /** Topic configuration such as `retention.ms`. */
  readonly config?: Readonly<Record<string, string>>
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
