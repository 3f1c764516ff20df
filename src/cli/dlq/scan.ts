import { ErrorCode, PoolError } from '../../errors.js'
import type { Client } from '../../kafka/client.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import { NO_LEADER } from '../../kafka/metadata.js'
import { rawMessage } from '../../kafka/records/raw-records.js'
import { sleep } from '../../util/timers.js'
import { type Letter, readLetter } from './letter.js'

/** What of a partition is read: from the first offset, up to but not including the second. */
export interface Range {
  readonly partition: number
  readonly from: bigint
  readonly to: bigint
}

const FETCH = {
  maxWaitMs: 500,
  minBytes: 1,
  maxDecompressedBytes: 2 ** 26,
  readUncommitted: false,
  rackId: null,
} as const
const MAX_BYTES = 4 * 2 ** 20
/** A leader that moves is looked up again so often in a row. */
const TRIES = 10
const PAUSE_MS = 300

/**
 * What each partition of the topic holds now, as far as transactions are over: what comes later is not of this scan.
 *
 * @param wanted default: all
 * @throws PoolError KCP_TOPIC_MISSING, or KafkaError
 */
export const rangesOf = async (
  client: Client,
  topic: string,
  wanted?: readonly number[],
): Promise<readonly Range[]> => {
  const [found] = await client.topics([topic])
  if (found === undefined || found.error !== null) {
    const why = found?.error ?? 'UNKNOWN_TOPIC_OR_PARTITION'
    const message =
      why === 'UNKNOWN_TOPIC_OR_PARTITION'
        ? `there is no topic "${topic}". Is it the dead-letter topic's own name (orders.dlq), on these brokers?`
        : `the topic "${topic}" cannot be read: ${why}`
    throw new PoolError(ErrorCode.topicMissing, message)
  }
  const numbers = found.partitions.map(({ partition }) => partition)
  const missing = wanted?.find((partition) => !numbers.includes(partition))
  if (missing !== undefined) {
    throw new PoolError(
      ErrorCode.topicMissing,
      `"${topic}" has no partition ${missing}, only ${numbers.length} of them`,
    )
  }
  const asked = (wanted ?? numbers).map((partition) => ({ topic, partition }))
  const how = { readUncommitted: false }
  const [first, last] = await Promise.all([
    client.listOffsets(asked, 'earliest', how),
    client.listOffsets(asked, 'latest', how),
  ])
  const ends = new Map(last.map(({ partition, offset }) => [partition, offset]))
  return first.map(({ partition, offset }) => ({ partition, from: offset, to: ends.get(partition) ?? offset }))
}

const leaderOf = async (client: Client, topic: string, partition: number): Promise<number> => {
  const [found] = await client.topics([topic])
  return found?.partitions.find((each) => each.partition === partition)?.leader ?? NO_LEADER
}

/** Reads a range, a few letters at a time, in order. */
export async function* scan(client: Client, topic: string, range: Range): AsyncGenerator<readonly Letter[]> {
  const { partition, to } = range
  let offset = Number(range.from)
  let leader = await leaderOf(client, topic, partition)
  for (let failures = 0; offset < Number(to); ) {
    try {
      const partitions = [{ topic, partition, offset, maxBytes: MAX_BYTES }]
      const [answer] = await client.fetch(leader, { ...FETCH, maxBytes: MAX_BYTES, partitions })
      if (answer?.undecodable) throw answer.undecodable
      if (answer?.error === 'OFFSET_OUT_OF_RANGE') {
        // Deleted meanwhile.
        const [start] = await client.listOffsets([{ topic, partition }], 'earliest', FETCH)
        offset = Math.max(offset + 1, Number(start?.offset ?? 0n))
        continue
      }
      const batch = answer?.batch ?? null
      if (batch === null) {
        const why = answer?.error ?? 'nothing came'
        throw new KafkaError(why, -1, true, `Fetch of ${topic}[${partition}] at offset ${offset}: ${why}`)
      }
      failures = 0
      offset = batch.nextOffset
      const letters = batch.messages.map((message) =>
        readLetter(rawMessage(message), { partition, offset: BigInt(message.offset) }),
      )
      yield letters.filter((letter) => letter.offset < to)
    } catch (error) {
      if (!(error instanceof KafkaError) || !error.retriable || ++failures === TRIES) throw error
      await sleep(PAUSE_MS)
      leader = await leaderOf(client, topic, partition)
    }
  }
}
