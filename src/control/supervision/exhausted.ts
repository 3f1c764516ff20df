import { ErrorCode, PoolError } from '../../errors.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import { type ErrorData, fromErrorData } from '../../protocol/error-data.js'
import { partitionName } from '../../util/partition-name.js'

/** Which message was given up, by whom, and how often it had been tried. */
export interface ExhaustedMessage extends TopicPartition {
  readonly slot: number
  readonly groupId: string
  readonly offset: string
  readonly attempts: number
}

/** KCP_HANDLER_EXHAUSTED, with the handler's own error as its cause. */
export const exhausted = (
  { slot, groupId, topic, partition, offset, attempts }: ExhaustedMessage,
  thrown: ErrorData,
) => {
  const often = attempts === 1 ? 'once' : `${attempts} times`
  const message = `the handler has failed ${often} on ${partitionName({ topic, partition })}@${offset}, the last time with "${thrown.message}". Mend what it fails at, or pass such messages over with onExhausted: 'skip'`
  const where = { slot, groupId, topic, partition, offset, attempts }
  return new PoolError(ErrorCode.handlerExhausted, message, { ...where, cause: fromErrorData(thrown) })
}
