import { memoryOf } from '../../kafka/raw-message.js'
import { rawMessage } from '../../kafka/records/raw-records.js'
import { toErrorData } from '../../protocol/error-data.js'
import type { FromThread } from '../../protocol/messages.js'
import type { GivenUp } from './turns.js'

/** Says something to the main thread; what is transferred is no longer this thread's. */
export type PostWithMemory = (message: FromThread, transfer: readonly ArrayBuffer[]) => void

/** Hands a message that was given up to main, which stores it in the dead-letter topic. */
export const giveUp = (
  { partition, message, offset, attempts, thrown, reason }: GivenUp,
  post: PostWithMemory,
): void => {
  const raw = rawMessage(message)
  post(
    {
      type: 'dead-letter',
      partitionId: partition.id,
      offset: String(offset),
      attempt: attempts,
      reason,
      error: toErrorData(thrown),
      message: raw,
      follows: partition.failed?.afterDeadLetter ?? false,
    },
    memoryOf(raw),
  )
}
