import { KafkaCode } from '../error-codes.js'
import { errorName } from '../errors.js'
import type { Answer } from '../kafkajs/request-shapes.js'
import { NO_EPOCH } from '../metadata.js'
import type { EpochEnd } from '../offsets.js'
import type { AnswerReader } from './answer-reader.js'

/*
 * The answers that have arrays, in all versions that we ask for. kafkajs's decoders take memory for as many items as an array
 * announces before they read one of them: a few bytes could end a thread, and with a small heap the whole process.
 *
 * Where an answer names what was asked for, `asked` is how much that was. Everything else has limits that are far beyond
 * what is real.
 */

const MOST_APIS = 10_000
const MOST_MECHANISMS = 100
const MOST_BROKERS = 10_000
const MOST_TOPICS = 100_000
const MOST_PARTITIONS = 200_000
const MOST_MEMBERS = 100_000
const MOST_ENTRIES = 10_000
const MOST_SYNONYMS = 100

/** From these versions on it is the client that keeps quiet when it is throttled (KIP-219); before that the broker has waited. */
const CLIENT_WAITS = {
  ApiVersions: 2,
  Metadata: 6,
  JoinGroup: 3,
  LeaveGroup: 2,
  OffsetCommit: 4,
  OffsetFetch: 4,
  ListOffsets: 3,
  DeleteRecords: 1,
  DescribeConfigs: 2,
} as const

const quiet = (api: keyof typeof CLIENT_WAITS, version: number, throttleMs: number): number =>
  version >= CLIENT_WAITS[api] ? throttleMs : 0

export const readVersions = (answer: AnswerReader, version: number): Answer<'ApiVersions'> => {
  const errorCode = answer.int16()
  // That answer has the form of version 0, whatever was asked.
  if (errorCode === KafkaCode.unsupportedVersion) return { errorCode, apiVersions: [] }
  const readApi = () => ({ apiKey: answer.int16(), minVersion: answer.int16(), maxVersion: answer.int16() })
  const apiVersions = answer.array(readApi, MOST_APIS)
  // Some brokers leave it out.
  const throttleMs = version >= 1 && answer.left >= 4 ? answer.int32() : 0
  return { clientSideThrottleTime: quiet('ApiVersions', version, throttleMs), errorCode, apiVersions }
}

export const readMechanisms = (answer: AnswerReader): Answer<'SaslHandshake'> => ({
  errorCode: answer.int16(),
  enabledMechanisms: answer.array(() => answer.string(), MOST_MECHANISMS),
})

export const readMetadata = (answer: AnswerReader, version: number): Answer<'Metadata'> => {
  const throttleMs = answer.int32()
  const brokers = answer.array(() => {
    const address = { nodeId: answer.int32(), host: answer.string(), port: answer.int32() }
    return { ...address, rack: answer.nullableString() }
  }, MOST_BROKERS)
  answer.string() // cluster id
  answer.int32() // controller id
  const readPartition = () => {
    const partitionErrorCode = answer.int16()
    const partitionId = answer.int32()
    const leader = answer.int32()
    const leaderEpoch = version >= 7 ? answer.int32() : NO_EPOCH
    const replicas = answer.array(() => answer.int32(), MOST_BROKERS)
    const nodes = version >= 5 ? ['in sync', 'offline'] : ['in sync']
    for (const _ of nodes) answer.take(4 * answer.int32())
    return { partitionErrorCode, partitionId, leader, leaderEpoch, replicas }
  }
  let left = MOST_PARTITIONS
  const topicMetadata = answer.array(() => {
    const topicErrorCode = answer.int16()
    const topic = answer.string()
    answer.boolean() // internal
    const partitionMetadata = answer.array(readPartition, left)
    left -= partitionMetadata.length
    return { topicErrorCode, topic, partitionMetadata }
  }, MOST_TOPICS)
  return { clientSideThrottleTime: quiet('Metadata', version, throttleMs), brokers, topicMetadata }
}

export const readJoin = (answer: AnswerReader, version: number): Answer<'JoinGroup'> => {
  const throttleMs = answer.int32()
  const errorCode = answer.int16()
  const generationId = answer.int32()
  const groupProtocol = answer.string()
  const leaderId = answer.string()
  const memberId = answer.string()
  const members = answer.array(() => {
    const id = answer.string()
    const groupInstanceId = version >= 5 ? answer.nullableString() : null
    return { memberId: id, groupInstanceId, memberMetadata: answer.bytes() }
  }, MOST_MEMBERS)
  const clientSideThrottleTime = quiet('JoinGroup', version, throttleMs)
  return { clientSideThrottleTime, errorCode, generationId, groupProtocol, leaderId, memberId, members }
}

/** Of one member, which has an error of its own from version 3 on. */
export const readLeave = (answer: AnswerReader, version: number): Answer<'LeaveGroup'> => {
  const throttleMs = version >= 1 ? answer.int32() : 0
  const errorCode = answer.int16()
  const readMember = () => {
    for (const _ of ['member id', 'instance id']) answer.string()
    return { errorCode: answer.int16() }
  }
  const members = version >= 3 ? answer.array(readMember, 1) : []
  return { clientSideThrottleTime: quiet('LeaveGroup', version, throttleMs), errorCode, members }
}

/** Of one group, in version 4. */
export const readGroups = (answer: AnswerReader): Answer<'DescribeGroups'> => {
  const clientSideThrottleTime = answer.int32()
  const readMember = () => {
    const memberId = answer.string()
    const groupInstanceId = answer.nullableString()
    const clientId = answer.string()
    const host = answer.string()
    const memberMetadata = answer.bytes()
    return { memberId, groupInstanceId, clientId, host, memberMetadata, memberAssignment: answer.bytes() }
  }
  const groups = answer.array(() => {
    const errorCode = answer.int16()
    answer.string() // group id
    const state = answer.string()
    for (const _ of ['protocol type', 'protocol']) answer.string()
    const members = answer.array(readMember, MOST_MEMBERS)
    answer.int32() // authorized operations
    return { errorCode, state, members }
  }, 1)
  return { clientSideThrottleTime, groups }
}

export const readCommit = (answer: AnswerReader, version: number, asked: number): Answer<'OffsetCommit'> => {
  const throttleMs = answer.int32()
  const responses = answer.topics(() => ({ partition: answer.int32(), errorCode: answer.int16() }), asked)
  return { clientSideThrottleTime: quiet('OffsetCommit', version, throttleMs), responses }
}

export const readCommitted = (answer: AnswerReader, version: number, asked: number): Answer<'OffsetFetch'> => {
  const throttleMs = version >= 3 ? answer.int32() : 0
  const responses = answer.topics(() => {
    const partition = answer.int32()
    const offset = String(answer.int64())
    const leaderEpoch = version >= 5 ? answer.int32() : NO_EPOCH
    const metadata = answer.string()
    return { partition, offset, leaderEpoch, metadata, errorCode: answer.int16() }
  }, asked)
  const errorCode = answer.int16()
  return { clientSideThrottleTime: quiet('OffsetFetch', version, throttleMs), responses, errorCode }
}

export const readListed = (answer: AnswerReader, version: number, asked: number): Answer<'ListOffsets'> => {
  const throttleMs = version >= 2 ? answer.int32() : 0
  const responses = answer.topics(() => {
    const partition = answer.int32()
    const errorCode = answer.int16()
    answer.int64() // timestamp
    return { partition, errorCode, offset: String(answer.int64()) }
  }, asked)
  return { clientSideThrottleTime: quiet('ListOffsets', version, throttleMs), responses }
}

export const readDeleted = (answer: AnswerReader, version: number, asked: number): Answer<'DeleteRecords'> => {
  const throttleMs = answer.int32()
  const topics = answer.topics(() => {
    const partition = answer.int32()
    answer.int64() // where the log starts now
    return { partition, errorCode: answer.int16() }
  }, asked)
  return { clientSideThrottleTime: quiet('DeleteRecords', version, throttleMs), topics }
}

/** Of one broker. */
export const readConfigs = (answer: AnswerReader, version: number): Answer<'DescribeConfigs'> => {
  const throttleMs = answer.int32()
  const passSynonym = () => {
    for (const _ of ['name', 'value']) answer.string()
    answer.take(1) // source
  }
  const readEntry = () => {
    const entry = { configName: answer.string(), configValue: answer.nullableString() }
    answer.take(3) // read only; its source, or whether it is the default; sensitive
    if (version >= 1) answer.array(passSynonym, MOST_SYNONYMS)
    return entry
  }
  const resources = answer.array(() => {
    const errorCode = answer.int16()
    const errorMessage = answer.nullableString()
    answer.take(1) // type
    answer.string() // name
    return { errorCode, errorMessage, configEntries: answer.array(readEntry, MOST_ENTRIES) }
  }, 1)
  return { clientSideThrottleTime: quiet('DescribeConfigs', version, throttleMs), resources }
}

/** The answer to OffsetForLeaderEpoch, in version 3. */
export const readEnds = (
  answer: AnswerReader,
  asked: number,
): { readonly clientSideThrottleTime: number; readonly ends: EpochEnd[] } => {
  const clientSideThrottleTime = answer.int32()
  const readEnd = (topic: string) => {
    const error = errorName(answer.int16())
    const partition = answer.int32()
    const leaderEpoch = answer.int32()
    return { topic, partition, error, leaderEpoch, endOffset: answer.offset() }
  }
  const ends = answer.topics(readEnd, asked).flatMap(({ partitions }) => partitions)
  return { clientSideThrottleTime, ends }
}
