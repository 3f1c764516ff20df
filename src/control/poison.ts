import { ErrorCode, PoolError } from '../errors.js'
import type { TopicPartition } from '../kafka/metadata.js'
import { type ErrorData, fromErrorData } from '../protocol/error-data.js'
import { partitionName } from '../util/partition-name.js'
import type { Suspicion } from './suspicion.js'

/** What a thread died of, by the code of its death, in words that follow "died of". */
const WORDS: Readonly<Record<string, string>> = {
  [ErrorCode.threadCrashed]: 'an error that nobody caught',
  [ErrorCode.threadExited]: 'process.exit(), most likely',
  [ErrorCode.threadOutOfMemory]: 'a lack of memory',
  [ErrorCode.handlerHung]: 'not coming back within maxProcessingMs',
  [ErrorCode.threadLost]: 'a native call that could not be interrupted',
}

/** What was thrown, if something was. */
const thrownAt = ({ code, cause }: ErrorData): ErrorData | null =>
  code === ErrorCode.threadCrashed && cause !== undefined ? cause : null

const diedOf = (death: ErrorData): string => {
  const thrown = thrownAt(death)
  const words = WORDS[death.code ?? ''] ?? death.message
  return thrown === null ? words : `${words}: ${thrown.name}: ${thrown.message}`
}

/** Not a code of ours: it is never thrown. */
export const PROCESS_DIED = 'PROCESS_DIED'

const sentence = (where: TopicPartition, { offset, last, deaths, error }: Suspicion): string => {
  if (last !== undefined) {
    const often = deaths === 1 ? 'A thread has' : `${deaths} threads have`
    return `${often} died while the batch of ${partitionName(where)} from offset ${offset} to ${last} was decoded, the last one of ${diedOf(error)}`
  }
  if (error.code === PROCESS_DIED) {
    const often = deaths === 1 ? 'once' : `${deaths} times`
    return `${partitionName(where)}@${offset} has killed ${often}, the last time the whole process`
  }
  const often = deaths === 1 ? 'a thread, which' : `${deaths} threads, the last of which`
  return `${partitionName(where)}@${offset} has killed ${often} died of ${diedOf(error)}`
}

/** For what a message is convicted, as its dead letter tells it. */
export const verdictOn = (where: TopicPartition, suspicion: Suspicion): ErrorData => {
  const { error } = suspicion
  const thrown = thrownAt(error)
  const name = thrown?.name ?? error.code ?? error.name
  return { name, message: sentence(where, suspicion), ...(thrown?.stack !== undefined && { stack: thrown.stack }) }
}

/** KCP_MESSAGE_POISONED, with what the last thread died of as its cause. */
export const poisoned = (
  where: TopicPartition & { readonly slot: number; readonly groupId: string },
  suspicion: Suspicion,
): PoolError => {
  const { topic, partition } = where
  const again = `or call pool.resume('${topic}', ${partition}), which has it`
  const remedy =
    suspicion.last === undefined
      ? `No thread handles it any more. Mend the handler and deploy it, ${again} handled once more; deadLetter lets such messages go to a topic of their own`
      : `No thread decodes it any more. Raise resourceLimits or look at the module of its codec and deploy that, ${again} decoded once more; who can do without these messages commits the offset behind them`
  return new PoolError(ErrorCode.messagePoisoned, `${sentence(where, suspicion)}. ${remedy}`, {
    ...where,
    offset: suspicion.offset,
    attempts: suspicion.deaths,
    cause: fromErrorData(suspicion.error),
  })
}
