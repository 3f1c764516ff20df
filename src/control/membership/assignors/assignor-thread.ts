import { Worker } from 'node:worker_threads'
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
  const worker = new Worker(new URL('../../../../workers/assignor.js', import.meta.url), { workerData: task })
  let limit: NodeJS.Timeout | undefined
  try {
    return await new Promise((resolve, reject) => {
      limit = after(() => reject(new Error(`it had not come back after ${limitMs / 1_000} s`)), limitMs)
      worker.once('message', resolve)
      worker.once('error', reject)
      worker.once('exit', (code) => reject(new Error(`its thread ended with code ${code}`)))
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
    void worker.terminate()
  }
}
