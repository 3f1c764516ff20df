import { pickVersion } from '../brokers/api-versions.js'
import type { BrokerConnection } from '../brokers/broker-connection.js'
import { brokerError, errorName } from '../errors.js'
import type { FetchedPartition, FetchRequest } from '../fetch.js'
import { kafkajs } from '../kafkajs/kafkajs.js'
import type { Ask } from '../kafkajs/request-shapes.js'
import { NO_EPOCH } from '../metadata.js'
import { ABORTED_BYTES, type AbortedTransaction, abortedIn } from '../records/aborted-transactions.js'
import type { Codecs } from '../records/codecs.js'
import { type DecodedRecordSet, decodeRecordSet } from '../records/record-set.js'
import { type BatchPlace, tooManyAborted, undecodable } from '../records/undecodable.js'
import { readWith } from './answer-reader.js'
import { type FetchAnswer, type PartitionAnswer, readFetchAnswer } from './fetch-response.js'

const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1

type Wanted = FetchRequest['partitions'][number]
type Asked = Ask<'Fetch'>['topics'][number]['partitions'][number]

/** Partitions in a row of the same topic stand under it together; the order is kept, so a topic may come twice. */
const inRuns = (partitions: readonly Wanted[]) => {
  const topics: { topic: string; partitions: Asked[] }[] = []
  for (const { topic, partition, offset, maxBytes, currentLeaderEpoch = NO_EPOCH } of partitions) {
    const wanted = { partition, currentLeaderEpoch, fetchOffset: String(offset), maxBytes }
    const last = topics.at(-1)
    if (last?.topic === topic) last.partitions.push(wanted)
    else topics.push({ topic, partitions: [wanted] })
  }
  return topics
}

const askFetch = (connection: BrokerConnection, request: FetchRequest): Promise<FetchAnswer> => {
  const { maxWaitMs, minBytes, maxBytes, limitBytes = maxBytes, readUncommitted, rackId, partitions, late } = request
  const version = pickVersion(connection.ranges, 'Fetch')
  const protocol = kafkajs().requests.Fetch.protocol({ version })({
    isolationLevel: readUncommitted ? READ_UNCOMMITTED : READ_COMMITTED,
    maxWaitTime: maxWaitMs,
    minBytes,
    maxBytes,
    rackId: rackId ?? '',
    topics: inRuns(partitions),
  })
  const response = readWith((answer) => readFetchAnswer(answer, version, partitions.length))
  return connection.send(
    { request: protocol.request, response },
    { holdMs: maxWaitMs, answerBytes: limitBytes, ...(late && { late }) },
  )
}

/** The error of a partition that is not in the answer. */
const MISSING = 'UNKNOWN_TOPIC_OR_PARTITION'

const NOTHING: DecodedRecordSet = { batch: null, cutOff: null, undecodable: null }

/**
 * Aborted transactions of one partition in one answer. Each has a batch and a marker of some 140 bytes in what was fetched,
 * or was open when that began; as an object it takes about as much.
 */
const MOST_ABORTED = 100_000

const readAborted = (bytes: Buffer, place: BatchPlace): AbortedTransaction[] => {
  const count = bytes.length / ABORTED_BYTES
  if (count > MOST_ABORTED) throw tooManyAborted(place, count, MOST_ABORTED)
  return abortedIn(bytes)
}

/**
 * A slow partition's messages must not keep the bytes of all others alive, so a partition that is not nearly all of an
 * answer gets its own copy.
 */
const ownBytes = (records: Buffer, answerBytes: number): Buffer =>
  records.length * 8 < answerBytes * 7 ? Buffer.from(records) : records

/** Behind the last stable offset nothing is sent to those who read what is committed. */
const endOf = ({ highWatermark, lastStableOffset }: PartitionAnswer, readUncommitted: boolean): number =>
  readUncommitted || lastStableOffset < 0 ? highWatermark : lastStableOffset

const decodePartition = async (
  answer: PartitionAnswer,
  answerBytes: number,
  wanted: Wanted,
  mostBytes: number,
  { readUncommitted, maxDecompressedBytes }: FetchRequest,
  roomBytes: number,
  codecs: Codecs,
): Promise<FetchedPartition> => {
  const { topic, partition, errorCode, preferredReadReplica, records } = answer
  const place = { topic, partition, offset: wanted.offset }
  const decode = async (): Promise<DecodedRecordSet> => {
    if (errorCode !== 0 || records.length === 0) return NOTHING
    let aborted: AbortedTransaction[]
    try {
      aborted = readUncommitted ? [] : readAborted(answer.aborted, place)
    } catch (error) {
      return { ...NOTHING, undecodable: undecodable(place, error, maxDecompressedBytes) }
    }
    return decodeRecordSet(ownBytes(records, answerBytes), {
      topic,
      partition,
      fetchOffset: wanted.offset,
      maxBytes: mostBytes,
      roomBytes,
      aborted,
      codecs,
      maxDecompressedBytes,
      mostMessages: wanted.mostMessages,
      stopsAt: wanted.stopsAt,
      decoding: wanted.decoding,
    })
  }
  const decoded = await decode()
  const error = errorName(errorCode)
  return {
    topic,
    partition,
    error,
    end: endOf(answer, readUncommitted),
    preferredReadReplica,
    ...decoded,
  }
}

const missing = ({ topic, partition }: Wanted): FetchedPartition => ({
  ...{ topic, partition, error: MISSING },
  ...{ end: -1, preferredReadReplica: -1, ...NOTHING },
})

/**
 * One Fetch to one broker. The partitions are asked for in the order in which they stand in the request, and what came is
 * decoded in that order until there is no room for more; but if anything can be read, something is. Partitions whose
 * records came and were not decoded are left out.
 */
export const fetch = async (
  connection: BrokerConnection,
  request: FetchRequest,
  codecs: Codecs,
): Promise<FetchedPartition[]> => {
  const { errorCode, partitions } = await askFetch(connection, request)
  if (errorCode !== 0) throw brokerError(errorCode, 'Fetch')
  const answers = new Map(partitions.map((answer) => [`${answer.topic}/${answer.partition}`, answer]))
  const answerBytes = partitions.reduce((sum, { records }) => sum + records.length, 0)
  const fetched: FetchedPartition[] = []
  let leftBytes = request.maxBytes
  let roomBytes = Math.max(1, request.roomBytes ?? Number.POSITIVE_INFINITY)
  for (const wanted of request.partitions) {
    const answer = answers.get(`${wanted.topic}/${wanted.partition}`)
    if (answer === undefined) {
      if (partitions.length > 0) fetched.push(missing(wanted)) // a broker that throttles names none at all
      continue
    }
    const mostBytes = Math.min(wanted.maxBytes, leftBytes)
    if (roomBytes <= 0 && answer.errorCode === 0 && answer.records.length > 0) continue
    const partition = await decodePartition(answer, answerBytes, wanted, mostBytes, request, roomBytes, codecs)
    leftBytes -= answer.records.length
    roomBytes -= partition.batch?.bytes ?? 0
    fetched.push(partition)
  }
  return fetched
}
