import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { ErrorCode, PoolError } from '../../../errors.js'
import type { TopicPartition } from '../../../kafka/metadata.js'
import { after } from '../../../util/timers.js'
import type { MemberSubscription, ReplicaRacks } from './assignor.js'

/** Under which name the user's own assignor is known to the group. */
export interface OwnProtocol {
  readonly name: string
  readonly isCooperative: boolean
}

/** What an assignor is asked. */
export interface Question {
  readonly protocol: string
  readonly members: readonly MemberSubscription[]
  readonly partitionCounts: ReadonlyMap<string, number>
  readonly racks: ReplicaRacks
}

/** The partitions of each member, by its id. */
export type Answer = readonly (readonly [string, TopicPartition[]])[]

export interface AssignorTask {
  /** Of the user's own assignor, as a URL; null for one of this package. */
  readonly module: string | null
  /** Null asks what the assignor is called. */
  readonly question: Question | null
}

/** What the thread gets. */
export interface AssignorThreadData extends AssignorTask {
  /** For the answer alone: the thread's own port is within reach of whatever the module says. */
  readonly answerTo: MessagePort
}

/** Longer than the worst that was measured (1.5 s), shorter than a rebalance lasts. */
export const LIMIT_MS = 10_000

/**
 * Has an assignor work in a thread that ends with its answer. Neither its time nor its faults are those of the main thread.
 *
 * @throws {@link PoolError} `KCP_MODULE_NOT_USABLE`, which names the module
 */
export function askThread(task: AssignorTask & { question: null }, limitMs?: number): Promise<OwnProtocol>
export function askThread(task: AssignorTask & { question: Question }, limitMs?: number): Promise<Answer>
export async function askThread(task: AssignorTask, limitMs = LIMIT_MS): Promise<OwnProtocol | Answer> {
  const { port1: answers, port2: answerTo } = new MessageChannel()
  const worker = new Worker(new URL('../../../../workers/assignor.js', import.meta.url), {
    workerData: { ...task, answerTo } satisfies AssignorThreadData,
    transferList: [answerTo],
  })
  let limit: NodeJS.Timeout | undefined
  try {
    return await new Promise((resolve, reject) => {
      limit = after(() => reject(new Error(`it had not come back after ${limitMs / 1_000} s`)), limitMs)
      answers.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', (code) => {
        const answer = receiveMessageOnPort(answers) // which the end of the thread may overtake
        if (answer === undefined) reject(new Error(`its thread ended with code ${code}`))
        else resolve(answer.message)
      })
    })
  } catch (cause) {
    const whose =
      task.module === null ? `the assignor ${task.question?.protocol}` : `the assignor of the module ${task.module}`
    const reason = cause instanceof Error ? cause.message : String(cause)
    const what = `${whose} cannot be used: ${reason}`
    const advice = 'Mend the module, or take it off the list of assignors of all members'
    throw new PoolError(ErrorCode.moduleNotUsable, `${what}. ${advice}`, { cause })
  } finally {
    clearTimeout(limit)
    answers.close()
    void worker.terminate()
  }
}
