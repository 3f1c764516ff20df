import { pickVersion } from './api-versions.js'
import type { Ask } from './apis.js'
import type { Codecs } from './codecs.js'
import { type FetchedPartition, type FetchRequest, NO_EPOCH } from './face.js'
import { decodeFetchResponse, type FetchAnswer, type PartitionAnswer } from './fetch-response.js'
import { brokerError, errorName } from './kafka-errors.js'
import type { Link } from './link.js'
import { decodeRecordSet } from './record-set.js'
import { kafkajs } from './verify-kafkajs.js'

const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1

type Wanted = FetchRequest['partitions'][number]
type Asked = Ask<'Fetch'>['topics'][number]['partitions'][number]

/**
 * The partitions with another one in front each turn. A broker fills an answer in the order in which it was asked, so
 * the last ones would starve when there is always more than `maxBytes`. And only the first with data is sent at all
 * when its next batch is over its limit (KIP-74).
 */
export const rotate = <T>(items: readonly T[], turn: number): T[] => {
  const start = items.length === 0 ? 0 : turn % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

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

const askFetch = (link: Link, request: FetchRequest, turn: number): Promise<FetchAnswer> => {
  const { maxWaitMs, minBytes, maxBytes, readUncommitted, rackId, partitions } = request
  const version = pickVersion(link.ranges, 'Fetch')
  const protocol = kafkajs().requests.Fetch.protocol({ version })({
    isolationLevel: readUncommitted ? READ_UNCOMMITTED : READ_COMMITTED,
    maxWaitTime: maxWaitMs,
    minBytes,
    maxBytes,
    rackId: rackId ?? '',
    topics: inRuns(rotate(partitions, turn)),
  })
  const decode = async (raw: Buffer) => decodeFetchResponse(raw, version)
  return link.send(
    { request: protocol.request, response: { decode, parse: async (answer) => answer } },
    { holdMs: maxWaitMs, answerBytes: maxBytes },
  )
}

const NOTHING = { batch: null, undecodable: null }

/**
 * A slow partition's messages must not keep the bytes of all others alive, so a partition that is the smaller part of
 * an answer gets its own copy.
 */
const ownBytes = (records: Buffer, answerBytes: number): Buffer =>
  records.length * 2 < answerBytes ? Buffer.from(records) : records

/** Behind the last stable offset nothing is sent to those who read what is committed. */
const endOf = ({ highWatermark, lastStableOffset }: PartitionAnswer, readUncommitted: boolean): number =>
  readUncommitted || lastStableOffset < 0 ? highWatermark : lastStableOffset

const decodePartition = async (
  answer: PartitionAnswer,
  answerBytes: number,
  wanted: Wanted | undefined,
  { readUncommitted, maxDecompressedBytes }: FetchRequest,
  codecs: Codecs,
): Promise<FetchedPartition> => {
  const { topic, partition, errorCode, logStartOffset, preferredReadReplica, records, aborted } = answer
  const decoded =
    wanted === undefined || errorCode !== 0 || records.length === 0
      ? NOTHING
      : await decodeRecordSet(ownBytes(records, answerBytes), {
          topic,
          partition,
          fetchOffset: wanted.offset,
          maxBytes: wanted.maxBytes,
          aborted: readUncommitted ? [] : aborted,
          codecs,
          maxDecompressedBytes,
        })
  const error = errorName(errorCode)
  return {
    topic,
    partition,
    error,
    end: endOf(answer, readUncommitted),
    logStartOffset,
    preferredReadReplica,
    ...decoded,
  }
}

/**
 * One Fetch to one broker.
 *
 * @param turn a number that grows from one fetch to the next
 */
export const fetch = async (
  link: Link,
  request: FetchRequest,
  turn: number,
  codecs: Codecs,
): Promise<FetchedPartition[]> => {
  const { errorCode, partitions } = await askFetch(link, request, turn)
  if (errorCode !== 0) throw brokerError(errorCode, 'Fetch')
  const wanted = new Map(request.partitions.map((item) => [`${item.topic}/${item.partition}`, item]))
  const answerBytes = partitions.reduce((sum, { records }) => sum + records.length, 0)
  const fetched: FetchedPartition[] = []
  for (const answer of partitions) {
    const item = wanted.get(`${answer.topic}/${answer.partition}`)
    fetched.push(await decodePartition(answer, answerBytes, item, request, codecs))
  }
  return fetched
}
