import { ErrorCode, PoolError } from '../../errors.js'
import { adviceOn, isRefusal } from '../../kafka/brokers/refusal-advice.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import type { LogClient, LogPlace } from '../../kafka/offsets.js'
import { partitionName } from '../../util/partition-name.js'
import { sleep } from '../../util/timers.js'
import type { ReadTarget } from './seek-target.js'

/** A partition that is between two leaders has one again in no time. */
const TRIES = 6
const BETWEEN_TRIES_MS = 250

/**
 * The offset that a target means in the log as it is now.
 *
 * @throws {@link PoolError} `KCP_OFFSET_OUT_OF_RANGE` when the log does not have it, `KCP_BROKER_UNREACHABLE` or
 *   `KCP_BROKER_REFUSED` when the leader does not say what it has
 */
export const findOffset = async (
  client: Pick<LogClient, 'listOffsets'>,
  where: TopicPartition,
  target: ReadTarget,
  readUncommitted: boolean,
): Promise<bigint> => {
  const list = (at: LogPlace, how = readUncommitted) =>
    persistently(where, async () => {
      const [found] = await client.listOffsets([where], at, { readUncommitted: how })
      return found?.offset ?? -1n
    })
  if ('at' in target) {
    const offset = await list(target.at)
    return offset < 0n ? list('latest') : offset // nothing is as young as that
  }
  const { offset } = target
  // What an open transaction has written will be there when that is over.
  const [first, end] = await Promise.all([list('earliest'), list('latest', true)])
  if (offset >= first && offset <= end) return offset
  const name = partitionName(where)
  const range =
    first === end ? `is empty, and ends at ${end}` : `has the offsets ${first} to ${end - 1n}, and ends at ${end}`
  const message = `${name} ${range}: it cannot go on at ${offset}. Choose one of these, a timestamp, 'beginning' or 'end'`
  throw new PoolError(ErrorCode.offsetOutOfRange, message, { ...where, offset: String(offset) })
}

const persistently = async <T>(where: TopicPartition, ask: () => Promise<T>): Promise<T> => {
  for (let tries = 1; ; tries++) {
    try {
      return await ask()
    } catch (cause) {
      if (!(cause instanceof KafkaError) || cause.type === 'CLOSED') throw cause
      const what = `the offsets of ${partitionName(where)} could not be looked up: ${cause.message}`
      if (isRefusal(cause))
        throw new PoolError(ErrorCode.brokerRefused, `${what}. ${adviceOn(cause)}`, { ...where, cause })
      if (tries === TRIES)
        throw new PoolError(ErrorCode.brokerUnreachable, `${what}. Try again later`, { ...where, cause })
    }
    await sleep(BETWEEN_TRIES_MS)
  }
}
