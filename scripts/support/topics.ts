import { randomBytes } from 'node:crypto'
import type { Admin, KafkaJSError } from 'kafkajs'
import { until } from './until.js'

/** Offsets of one partition. */
export interface Range {
  readonly topic: string
  readonly partition: number
  /** First offset. */
  readonly from: number
  /** The offset after the last one. */
  readonly to: number
}

export interface TopicOptions {
  readonly partitions: number
  readonly config?: Readonly<Record<string, string>>
  /** The nodes that have a copy of each partition, the leader first. @default what the broker chooses */
  readonly nodes?: readonly number[]
}

/** A name that nobody else uses: for topics and groups. */
export const uniqueName = (base: string): string => `${base}-${randomBytes(5).toString('hex')}`

/** What is behind an error with which KafkaJS gives up trying again. */
const innermost = (error: unknown): unknown =>
  error instanceof Error && error.cause instanceof Error ? innermost(error.cause) : error

/** KafkaJS stumbles over a leader that says nothing of a partition, because it does not know it yet. */
const mayPass = (error: unknown): boolean => {
  const reason = innermost(error)
  return reason instanceof TypeError || (reason as Partial<KafkaJSError>).retriable === true
}

/** Makes a topic of exactly this name; resolves when each partition has a leader, and that node knows it. */
export const makeTopic = async (
  admin: Admin,
  topic: string,
  { partitions, config = {}, nodes }: TopicOptions,
): Promise<void> => {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  const replicas = nodes && Array.from({ length: partitions }, (_, partition) => ({ partition, replicas: [...nodes] }))
  const size = replicas === undefined ? { numPartitions: partitions } : { replicaAssignment: replicas }
  // KafkaJS's own `waitForLeaders` fails when the node that it asks has not heard of the topic yet.
  await admin.createTopics({ topics: [{ topic, ...size, configEntries }], waitForLeaders: false })
  let trouble: unknown
  const hasLeaders = async (): Promise<boolean> => {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      const made = topics[0]?.partitions ?? []
      if (made.length !== partitions || made.some(({ leader }) => leader < 0)) return false
      // Metadata names a leader some milliseconds before that one has made the log.
      return (await admin.fetchTopicOffsets(topic)).length === partitions
    } catch (error) {
      if (!mayPass(error)) throw error
      trouble = error
      return false
    }
  }
  await until(hasLeaders, { what: `a leader for each partition of ${topic}`, evidence: () => String(trouble) })
}

/** What the broker says is in the topic now. */
export const rangesOf = async (admin: Admin, topic: string): Promise<Range[]> => {
  // A partition may be between two leaders when a node has just come back.
  const ask = () =>
    admin.fetchTopicOffsets(topic).catch((error: unknown) => {
      if (!mayPass(error)) throw error
      return null
    })
  const partitions = await until(ask, { what: `the offsets of ${topic}`, everyMs: 200 })
  return partitions.map(({ partition, low, high }) => ({ topic, partition, from: Number(low), to: Number(high) }))
}
