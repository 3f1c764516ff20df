import { pickVersion } from '../brokers/api-versions.js'
import type { BrokerConnection } from '../brokers/broker-connection.js'
import { KafkaCode } from '../error-codes.js'
import { brokerError, errorName } from '../errors.js'
import { kafkajs } from '../kafkajs/kafkajs.js'
import type { Answer } from '../kafkajs/request-shapes.js'
import { NO_LEADER, type TopicMetadata } from '../metadata.js'
import { readWith } from './answer-reader.js'
import { readConfigs, readMetadata } from './answers.js'

const LEADER_NOT_AVAILABLE = 5
const BROKER_RESOURCE = 4

/** Version 7 carries leader epochs (KIP-320); its request is that of 6, where kafkajs stops. */
const KAFKAJS_STOPS_AT = 6
const WITHOUT_EPOCHS = [4, 5, 6]
/** Brokers that do not speak this one forget to change the epochs while partitions are reassigned (KAFKA-9212). */
const RELIABLE_EPOCHS = 9

/**
 * Metadata of the cluster's brokers and of the topics named; of none when none is (kafkajs's own encoder would ask for
 * all topics then), and of all with null.
 */
export const askMetadata = (
  connection: BrokerConnection,
  topics: readonly string[] | null,
  options: { readonly timeoutMs?: number; readonly atMostMs?: number | undefined } = {},
): Promise<Answer<'Metadata'>> => {
  const { requests, apiKeys, Encoder } = kafkajs()
  const tellsEpochs = (connection.ranges[apiKeys.Metadata]?.maxVersion ?? 0) >= RELIABLE_EPOCHS
  const version = pickVersion(connection.ranges, 'Metadata', tellsEpochs ? undefined : WITHOUT_EPOCHS)
  const known = requests.Metadata.protocol({ version: Math.min(version, KAFKAJS_STOPS_AT) })({
    topics: topics ?? [],
    allowAutoTopicCreation: false,
  })
  const encode = async () =>
    (topics === null ? new Encoder().writeInt32(-1) : new Encoder().writeArray(topics)).writeBoolean(false)
  const response = readWith((answer) => readMetadata(answer, version))
  return connection.send({ request: { ...known.request, apiVersion: version, encode }, response }, options)
}

/** What an answer says about the topics that were asked for, in that order. */
export const describeTopics = (names: readonly string[], answer: Answer<'Metadata'>): TopicMetadata[] => {
  const found = new Map(answer.topicMetadata.map((topic) => [topic.topic, topic]))
  const rackOf = new Map(answer.brokers.flatMap(({ nodeId, rack }) => (rack ? [[nodeId, rack] as const] : [])))
  const racksOf = (replicas: readonly number[]) => [...new Set(replicas.flatMap((node) => rackOf.get(node) ?? []))]
  return names.map((name) => {
    const topic = found.get(name)
    const partitions = (topic?.partitionMetadata ?? []).map(
      ({ partitionId, partitionErrorCode, leader, leaderEpoch, replicas }) => ({
        partition: partitionId,
        leader: partitionErrorCode === LEADER_NOT_AVAILABLE ? NO_LEADER : leader,
        leaderEpoch,
        ...(rackOf.size > 0 && { racks: racksOf(replicas) }),
      }),
    )
    return {
      topic: name,
      error: errorName(topic?.topicErrorCode ?? KafkaCode.unknownTopicOrPartition),
      partitions: partitions.sort((a, b) => a.partition - b.partition),
    }
  })
}

/** Looks the coordinator of a group up. */
export const askCoordinator = async (
  connection: BrokerConnection,
  groupId: string,
  limit: { readonly atMostMs?: number } = {},
): Promise<{ readonly nodeId: number; readonly host: string; readonly port: number }> => {
  const answer = await connection.ask('GroupCoordinator', { groupId }, limit)
  if (answer.errorCode !== 0) throw brokerError(answer.errorCode, `FindCoordinator for group "${groupId}"`)
  return answer.coordinator
}

/** The broker's own configuration values; those that it does not have or hides are left out. */
export const askBrokerConfig = async (
  connection: BrokerConnection,
  node: number,
  names: readonly string[],
): Promise<Record<string, string>> => {
  const resource = { type: BROKER_RESOURCE, name: String(node), configNames: names }
  const ask = { resources: [resource], includeSynonyms: false }
  const { resources } = await connection.ask('DescribeConfigs', ask, { read: readConfigs })
  const config: Record<string, string> = Object.create(null)
  for (const { errorCode, errorMessage, configEntries } of resources) {
    if (errorCode !== 0) {
      throw brokerError(errorCode, `DescribeConfigs of broker ${node}`, errorMessage ? { detail: errorMessage } : {})
    }
    for (const { configName, configValue } of configEntries) if (configValue !== null) config[configName] = configValue
  }
  return config
}
