import type { RawHeader, RawMessage } from '../../kafka/raw-message.js'
import type { ErrorData } from '../../protocol/error-data.js'
import type { DeadLetterReason } from '../../protocol/reports.js'
import { errorTexts, utf8 } from './texts.js'

/** What a dead letter says of itself: where its message came from, and why it is there. */
export interface LetterFacts {
  readonly topic: string
  readonly partition: number
  readonly offset: string
  readonly groupId: string
  readonly attempts: number
  readonly reason: DeadLetterReason
  readonly error: ErrorData
}

/** Begins the names of the headers that say so. */
export const PREFIX = 'kcp-dlq-'

/** What the texts of an error may take of a dead letter, in bytes: class, message and stack together. */
export const MOST_TEXT_BYTES = 8 * 1024

const prefix = utf8(PREFIX)

const isOurs = ([name]: RawHeader): boolean => prefix.every((byte, index) => name[index] === byte)

/**
 * The message as it goes to the dead-letter topic: its own bytes, its own headers in their order, and behind them what is
 * said of it. What an earlier dead letter said is replaced, so that nothing piles up when a message comes back.
 *
 * @param mostTextBytes of the error's texts
 */
export const letterOf = (message: RawMessage, facts: LetterFacts, mostTextBytes = MOST_TEXT_BYTES): RawMessage => {
  const { topic, partition, offset, groupId, attempts, reason, error } = facts
  const texts = errorTexts({ class: error.name, message: error.message, stack: error.stack ?? '' }, mostTextBytes)
  const said = {
    topic: utf8(topic),
    partition: utf8(String(partition)),
    offset: utf8(offset),
    timestamp: utf8(String(message.timestamp)),
    group: utf8(groupId),
    attempts: utf8(String(attempts)),
    reason: utf8(reason),
    'error-class': texts.class,
    'error-message': texts.message,
    'error-stack': texts.stack,
  }
  const ours = Object.entries(said).map(([name, value]): RawHeader => [utf8(PREFIX + name), value])
  return { ...message, headers: [...message.headers.filter((header) => !isOurs(header)), ...ours] }
}
