import { ErrorCode, PoolError } from '../../errors.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import { toErrorData } from '../../protocol/error-data.js'
import { partitionName } from '../../util/partition-name.js'
import type { DeadLetter } from './store.js'

const bytesOf = ({ key, value, headers }: DeadLetter['message']): number =>
  [key, value, ...headers.flat()].reduce((sum, part) => sum + (part?.length ?? 0), 0)

/** What to do, by the broker's error. */
const REMEDIES: Readonly<Record<string, (letter: DeadLetter) => string>> = {
  UNKNOWN_TOPIC_OR_PARTITION: ({ topic, partition, facts }) =>
    partition === 'same'
      ? `Create the topic with at least ${facts.partition + 1} partitions (nothing else creates it), or set deadLetter.partition to any`
      : `Create the topic, nothing else does: kafka-topics.sh --create --topic ${topic} --config message.timestamp.type=LogAppendTime`,
  TOPIC_AUTHORIZATION_FAILED: ({ topic }) => `Let this client describe and write "${topic}" (ACLs Describe and Write)`,
  MESSAGE_TOO_LARGE: ({ topic, message }) =>
    `Raise max.message.bytes of "${topic}" well above the ${bytesOf(message)} bytes of the message`,
  INVALID_TIMESTAMP: ({ topic }) =>
    `Set message.timestamp.type of "${topic}" to LogAppendTime: it keeps the time of the message and takes no old ones`,
  INVALID_RECORD: ({ topic }) =>
    `Set cleanup.policy of "${topic}" to delete: a compacted topic takes no message without a key`,
}

const remedyFor = (letter: DeadLetter, error: unknown): string => {
  if (!(error instanceof KafkaError)) return ''
  const type = error.type === 'RECORD_LIST_TOO_LARGE' ? 'MESSAGE_TOO_LARGE' : error.type
  const remedy = Object.hasOwn(REMEDIES, type) ? REMEDIES[type]?.(letter) : undefined
  return remedy === undefined ? '' : `. ${remedy}`
}

/** KCP_DEAD_LETTER_NOT_STORED, with what the broker said as its cause. */
export const notStored = (letter: DeadLetter, slot: number, cause: unknown): PoolError => {
  const { topic, partition, offset, groupId, attempts } = letter.facts
  const what = `the dead letter of ${partitionName({ topic, partition })}@${offset} is not stored in "${letter.topic}" yet`
  const message = `${what}: ${toErrorData(cause).message}${remedyFor(letter, cause)}`
  const where = { slot, groupId, topic, partition, offset, attempts }
  return new PoolError(ErrorCode.deadLetterNotStored, message, { ...where, cause })
}

/** KCP_DEAD_LETTER_BREAKER, with what the handler threw last as its cause. */
export const breakerTripped = (letter: DeadLetter, slot: number, count: number, cause: Error): PoolError => {
  const { topic, partition, offset, groupId, attempts } = letter.facts
  const name = partitionName({ topic, partition })
  const message = `${count} messages of ${name} in a row went to "${letter.topic}", and ${name}@${offset} would be the next, because of "${cause.message}". Most likely something else is wrong than the messages: mend that, then call pool.resume('${topic}', ${partition}) or restart. deadLetter.breaker says how many may go there in a row, deadLetter.resumeAfterMs whether it goes on by itself`
  const where = { slot, groupId, topic, partition, offset, attempts }
  return new PoolError(ErrorCode.deadLetterBreaker, message, { ...where, cause })
}
