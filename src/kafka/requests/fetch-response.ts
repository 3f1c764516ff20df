import type { AbortedTransaction } from '../records/aborted-transactions.js'
import { AnswerReader } from './answer-reader.js'

/** What a Fetch brought for one partition; the records are still bytes. */
export interface PartitionAnswer {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  /** Where the first open transaction begins; a broker may leave it at -1 when uncommitted records were asked for. */
  readonly lastStableOffset: number
  readonly aborted: readonly AbortedTransaction[]
  /** -1 before version 11, and when there is none. */
  readonly preferredReadReplica: number
  readonly records: Buffer
}

export interface FetchAnswer {
  /** How long the next request is held back (KIP-219). */
  readonly clientSideThrottleTime: number
  readonly errorCode: number
  readonly partitions: readonly PartitionAnswer[]
}

/**
 * Decodes the answer to a Fetch of version 4 to 11 as far as the partitions' records, which it leaves alone.
 *
 * @param asked how many partitions were asked for; an answer that has more is refused before they fill the heap
 */
export const decodeFetchResponse = (raw: Buffer, version: number, asked: number): FetchAnswer => {
  const reader = new AnswerReader(raw)
  const throttleMs = reader.int32()
  const errorCode = version >= 7 ? reader.int16() : 0
  if (version >= 7) reader.int32() // session id; we have no fetch sessions
  const readPartition = (topic: string): PartitionAnswer => {
    const partition = reader.int32()
    const code = reader.int16()
    const highWatermark = reader.offset()
    const lastStableOffset = reader.offset()
    if (version >= 5) reader.offset() // where the log starts
    const aborted = reader.array(() => ({ producerId: reader.int64(), firstOffset: reader.offset() }))
    const preferredReadReplica = version >= 11 ? reader.int32() : -1
    const records = reader.take(reader.int32())
    return {
      topic,
      partition,
      errorCode: code,
      highWatermark,
      lastStableOffset,
      aborted,
      preferredReadReplica,
      records,
    }
  }
  let left = asked
  const topics = reader.array(() => {
    const topic = reader.string()
    const partitions = reader.array(() => readPartition(topic), left)
    left -= partitions.length
    return partitions
  }, asked)
  // Up to version 7 the broker waits itself before it answers.
  return { clientSideThrottleTime: version >= 8 ? throttleMs : 0, errorCode, partitions: topics.flat() }
}
