import type { Logger } from 'pino'
import { toErrorData } from '../../protocol/error-data.js'
import type { Ledger } from '../../protocol/ledger.js'
import type { FromThread } from '../../protocol/messages.js'
import { RateLimit } from '../../util/rate-limit.js'
import type { Partition } from '../partition.js'
import { type FailurePolicy, type FailureVerdict, judgeFailure } from './retry.js'

export interface FailureContext {
  readonly policy: FailurePolicy
  readonly ledger: Ledger
  readonly log: Logger
  readonly post: (message: FromThread) => void
  readonly now: () => number
}

/**
 * Reports each second, at most: a handler that fails at once on a million messages a second must not fill the main
 * thread's memory. The ledger counts every failure; one that leaves its partition waiting is always reported.
 */
const REPORTS_PER_SECOND = 200

/** Judges failed attempts, counts them and tells about them. */
export class Failures {
  readonly #context: FailureContext
  readonly #limit = new RateLimit(REPORTS_PER_SECOND)

  constructor(context: FailureContext) {
    this.#context = context
  }

  /** Whether there is a topic for messages that are given up. */
  get hasDeadLetters(): boolean {
    return this.#context.policy.deadLetter !== null
  }

  judge(partition: Partition, offset: number, thrown: unknown): FailureVerdict {
    const { ledger, policy, now } = this.#context
    const attempt = partition.attemptAt(offset)
    const wasExhausted = attempt > 1 && partition.failed?.wasExhausted === true
    const verdict = judgeFailure(attempt, thrown, policy, Math.random(), wasExhausted)
    // A message is exhausted once, however often it is tried after that.
    if (verdict.outcome === 'retry' || wasExhausted) ledger.countRetried()
    else ledger.countFailed()
    const waits = verdict.outcome === 'paused' || verdict.outcome === 'dead-letter'
    if (this.#limit.allows(now()) || waits) this.#report(partition, { offset, attempt }, thrown, verdict)
    return verdict
  }

  #report(
    partition: Partition,
    { offset, attempt }: { readonly offset: number; readonly attempt: number },
    thrown: unknown,
    verdict: FailureVerdict,
  ): void {
    const { log, post } = this.#context
    const { topic } = partition
    const error = toErrorData(thrown)
    const retryInMs = verdict.outcome === 'retry' ? verdict.delayMs : null
    post({
      type: 'failed',
      partitionId: partition.id,
      offset: String(offset),
      attempt,
      error,
      retryInMs,
      outcome: verdict.outcome,
    })
    const where = { topic, partition: partition.partition, offset: String(offset), attempt }
    const what = `the handler failed on ${partition.key}@${offset}, attempt ${attempt}: ${error.message}`
    const unreported = this.#limit.takeRefused()
    if (unreported > 0) log.warn({ unreported }, `${unreported} failures of the handler were counted, but not reported`)
    if (verdict.outcome === 'retry') {
      log.warn({ ...where, err: thrown, retryInMs }, `${what}; trying again in ${retryInMs} ms`)
    } else if (verdict.outcome === 'skipped') {
      log.error({ ...where, err: thrown }, `${what}; it is passed over, as onExhausted: 'skip' says`)
    } // of a pause main tells, which knows when it ends, and of a dead letter, which knows where it is
  }
}
