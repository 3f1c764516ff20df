import { pickVersion } from '../brokers/api-versions.js'
import type { BrokerConnection } from '../brokers/broker-connection.js'
import { COORDINATOR_MOVED } from '../error-codes.js'
import { brokerError, connectionError } from '../errors.js'
import type { Membership } from '../group.js'
import type { KafkaError } from '../kafka-error.js'
import { kafkajs } from '../kafkajs/kafkajs.js'
import type { KafkajsRequest } from '../kafkajs/parts.js'
import type { Ask } from '../kafkajs/request-shapes.js'
import { NO_EPOCH, type TopicPartition } from '../metadata.js'
import type { LogPlace, TopicPartitionOffset } from '../offsets.js'
import { type AnswerReader, readWith } from './answer-reader.js'
import { readCommit, readCommitted, readListed } from './answers.js'
import { byTopic, flatten } from './by-topic.js'

const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1
const TIMESTAMPS = { earliest: -2, latest: -1 } as const

/** OffsetCommit v7 carries the group instance id (KIP-345); kafkajs stops at v5, whose answer is the same. */
const COMMIT_V7 = 7

const commitV7 = (ask: Ask<'OffsetCommit'>): KafkajsRequest => {
  const { apiKeys, Encoder } = kafkajs()
  const encode = async () =>
    new Encoder()
      .writeString(ask.groupId)
      .writeInt32(ask.groupGenerationId)
      .writeString(ask.memberId)
      .writeString(ask.groupInstanceId)
      .writeArray(
        ask.topics.map(({ topic, partitions }) =>
          new Encoder()
            .writeString(topic)
            .writeArray(
              partitions.map(({ partition, offset, leaderEpoch, metadata }) =>
                new Encoder().writeInt32(partition).writeInt64(offset).writeInt32(leaderEpoch).writeString(metadata),
              ),
            ),
        ),
      )
  return { apiKey: apiKeys.OffsetCommit, apiVersion: COMMIT_V7, apiName: 'OffsetCommit', encode }
}

/**
 * @returns the partitions that were refused, and why
 * @throws KafkaError when this node is not the group's coordinator
 */
export const commitOffsets = async (
  connection: BrokerConnection,
  member: Membership,
  offsets: readonly TopicPartitionOffset[],
  limit: { readonly atMostMs?: number } = {},
): Promise<(TopicPartition & { readonly error: KafkaError })[]> => {
  if (offsets.length === 0) return []
  const { groupId, generation, memberId, instanceId } = member
  const ask = {
    groupId,
    groupGenerationId: generation,
    memberId,
    groupInstanceId: instanceId,
    topics: byTopic(offsets, ({ partition, offset, leaderEpoch = NO_EPOCH, metadata = '' }) => ({
      partition,
      offset: String(offset),
      leaderEpoch,
      metadata,
    })),
  }
  const version = pickVersion(connection.ranges, 'OffsetCommit', instanceId === null ? undefined : [COMMIT_V7])
  const request =
    version === COMMIT_V7 ? commitV7(ask) : kafkajs().requests.OffsetCommit.protocol({ version })(ask).request
  const response = readWith((answer) => readCommit(answer, version, offsets.length))
  const { responses } = await connection.send({ request, response }, limit)
  const refused = flatten(responses)
    .filter(({ errorCode }) => errorCode !== 0)
    .map(({ topic, partition, errorCode }) => ({
      topic,
      partition,
      error: brokerError(errorCode, `OffsetCommit of group "${groupId}" for ${topic}[${partition}]`),
    }))
  // The answer has no place for an error of the whole request: it stands with every partition.
  const misdirected = refused.find(({ error }) => COORDINATOR_MOVED.includes(error.code))
  if (misdirected !== undefined) throw misdirected.error
  return refused
}

/**
 * The offsets in the order in which the partitions were asked for.
 *
 * @throws KafkaError when one is missing: that must not pass for "nothing is committed"
 */
const inOrderOf = (
  what: string,
  partitions: readonly TopicPartition[],
  found: readonly (TopicPartition & {
    readonly offset: string
    readonly leaderEpoch?: number
    readonly metadata?: string
  })[],
): TopicPartitionOffset[] => {
  const answers = new Map(found.map((answer) => [`${answer.topic}/${answer.partition}`, answer]))
  return partitions.map(({ topic, partition }) => {
    const answer = answers.get(`${topic}/${partition}`)
    if (answer === undefined) throw connectionError(`${what}: the answer says nothing of ${topic}[${partition}]`)
    const { offset, leaderEpoch = NO_EPOCH, metadata = '' } = answer
    return { topic, partition, offset: BigInt(offset), leaderEpoch, ...(metadata !== '' && { metadata }) }
  })
}

/** Throws the first error among the partitions of an answer. */
const refuseErrors = (what: string, found: readonly (TopicPartition & { readonly errorCode: number })[]): void => {
  const failed = found.find(({ errorCode }) => errorCode !== 0)
  if (failed !== undefined) throw brokerError(failed.errorCode, `${what} for ${failed.topic}[${failed.partition}]`)
}

/** OffsetFetch v5 carries the leader epoch (KIP-320); its request is that of v4, where kafkajs stops. */
const KAFKAJS_STOPS_AT = 4

export const committedOffsets = async (
  connection: BrokerConnection,
  groupId: string,
  partitions: readonly TopicPartition[],
  limit: { readonly atMostMs?: number } = {},
): Promise<TopicPartitionOffset[]> => {
  // Without partitions the request would mean: all that the group ever committed.
  if (partitions.length === 0) return []
  const topics = byTopic(partitions, ({ partition }) => ({ partition }))
  const version = pickVersion(connection.ranges, 'OffsetFetch')
  const known = kafkajs().requests.OffsetFetch.protocol({ version: Math.min(version, KAFKAJS_STOPS_AT) })({
    groupId,
    topics,
  })
  const request = { ...known.request, apiVersion: version }
  const response = readWith((answer) => readCommitted(answer, version, partitions.length))
  const { errorCode, responses } = await connection.send({ request, response }, limit)
  const what = `OffsetFetch of group "${groupId}"`
  if (errorCode !== 0) throw brokerError(errorCode, what)
  const found = flatten(responses)
  refuseErrors(what, found)
  return inOrderOf(what, partitions, found)
}

/** Offsets of that place in partitions that this one broker leads; -1n when no message is as young as the timestamp. */
export const listOffsets = async (
  connection: BrokerConnection,
  partitions: readonly TopicPartition[],
  at: LogPlace,
  { readUncommitted, atMostMs }: { readonly readUncommitted: boolean; readonly atMostMs?: number },
): Promise<TopicPartitionOffset[]> => {
  const timestamp = typeof at === 'object' ? at.timestamp : TIMESTAMPS[at]
  const ask = {
    isolationLevel: readUncommitted ? READ_UNCOMMITTED : READ_COMMITTED,
    topics: byTopic(partitions, ({ partition }) => ({ partition, timestamp })),
  }
  const read = (answer: AnswerReader, version: number) => readListed(answer, version, partitions.length)
  const { responses } = await connection.ask('ListOffsets', ask, { atMostMs, read })
  const found = flatten(responses)
  refuseErrors('ListOffsets', found)
  const nowhere = found.find(({ offset }) => Number(offset) < 0)
  if (nowhere !== undefined && typeof at !== 'object') {
    throw connectionError(
      `ListOffsets: the ${at} offset of ${nowhere.topic}[${nowhere.partition}] is ${nowhere.offset}`,
    )
  }
  return inOrderOf('ListOffsets', partitions, found)
}
