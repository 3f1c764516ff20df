import { pickVersion } from './api-versions.js'
import type { Answer } from './apis.js'
import { NO_LEADER, type TopicMetadata } from './face.js'
import { brokerError, errorName } from './kafka-errors.js'
import type { Link } from './link.js'
import { kafkajs } from './verify-kafkajs.js'

const UNKNOWN_TOPIC_OR_PARTITION = 3
const LEADER_NOT_AVAILABLE = 5
const BROKER_RESOURCE = 4

/**
 * Metadata of the cluster's brokers and of the topics named; of none when none is. (kafkajs's own encoder would ask for
 * all topics then.)
 */
export const askMetadata = (
  link: Link,
  topics: readonly string[],
  options: { timeoutMs?: number } = {},
): Promise<Answer<'Metadata'>> => {
  const { requests, Encoder } = kafkajs()
  const version = pickVersion(link.ranges, 'Metadata')
  const { request, response } = requests.Metadata.protocol({ version })({ topics, allowAutoTopicCreation: false })
  const encode = async () => new Encoder().writeArray(topics).writeBoolean(false)
  return link.send({ request: { ...request, encode }, response }, options)
}

/** What an answer says about the topics that were asked for, in that order. */
export const describeTopics = (names: readonly string[], answer: Answer<'Metadata'>): TopicMetadata[] => {
  const found = new Map(answer.topicMetadata.map((topic) => [topic.topic, topic]))
  return names.map((name) => {
    const topic = found.get(name)
    const partitions = (topic?.partitionMetadata ?? []).map(({ partitionId, partitionErrorCode, leader }) => ({
      partition: partitionId,
      leader: partitionErrorCode === LEADER_NOT_AVAILABLE ? NO_LEADER : leader,
    }))
    return {
      topic: name,
      error: errorName(topic?.topicErrorCode ?? UNKNOWN_TOPIC_OR_PARTITION),
      partitions: partitions.sort((a, b) => a.partition - b.partition),
    }
  })
}

/** Looks the coordinator of a group up. */
export const askCoordinator = async (
  link: Link,
  groupId: string,
): Promise<{ readonly nodeId: number; readonly host: string; readonly port: number }> => {
  const answer = await link.ask('GroupCoordinator', { groupId })
  if (answer.errorCode !== 0) throw brokerError(answer.errorCode, `FindCoordinator for group "${groupId}"`)
  return answer.coordinator
}

/** The broker's own configuration values; those that it does not have or hides are left out. */
export const askBrokerConfig = async (
  link: Link,
  node: number,
  names: readonly string[],
): Promise<Record<string, string>> => {
  const resource = { type: BROKER_RESOURCE, name: String(node), configNames: names }
  const { resources } = await link.ask('DescribeConfigs', { resources: [resource], includeSynonyms: false })
  const config: Record<string, string> = Object.create(null)
  for (const { errorCode, errorMessage, configEntries } of resources) {
    if (errorCode !== 0) {
      throw brokerError(errorCode, `DescribeConfigs of broker ${node}`, errorMessage ? { detail: errorMessage } : {})
    }
    for (const { configName, configValue } of configEntries) if (configValue !== null) config[configName] = configValue
  }
  return config
}
