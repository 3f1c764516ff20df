import { ABORTED_BYTES } from '../records/aborted-transactions.js'
import type { AnswerReader } from './answer-reader.js'

/** What a Fetch brought for one partition; the records are still bytes. */
export interface PartitionAnswer {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: number
  /** Where the first open transaction begins; a broker may leave it at -1 when uncommitted records were asked for. */
  readonly lastStableOffset: number
  /** {@link AbortedTransaction}s, still as bytes: any number of them costs no object. */
  readonly aborted: Buffer
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
export const readFetchAnswer = (reader: AnswerReader, version: number, asked: number): FetchAnswer => {
  const throttleMs = reader.int32()
  const errorCode = version >= 7 ? reader.int16() : 0
  if (version >= 7) reader.int32() // session id; we have no fetch sessions
  const readPartition = (topic: string): PartitionAnswer => {
    const partition = reader.int32()
    const code = reader.int16()
    const highWatermark = reader.offset()
    const lastStableOffset = reader.offset()
    if (version >= 5) reader.offset() // where the log starts
    const aborted = reader.take(ABORTED_BYTES * reader.int32())
    const preferredReadReplica = version >= 11 ? reader.int32() : -1
    const records = reader.bytes()
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
  const partitions = reader.topics(readPartition, asked).flatMap((topic) => topic.partitions)
  // Up to version 7 the broker waits itself before it answers.
  return { clientSideThrottleTime: version >= 8 ? throttleMs : 0, errorCode, partitions }
}
