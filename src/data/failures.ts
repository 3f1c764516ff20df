import type { Logger } from 'pino'
import { toErrorData } from '../protocol/error-data.js'
import type { Ledger } from '../protocol/ledger.js'
import type { FromThread } from '../protocol/messages.js'
import { RateLimit } from '../util/rate-limit.js'
import type { Partition } from './partition.js'
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
 * thread's memory. The ledger counts every failure; a paused partition is always reported.
 */
const REPORTS_PER_SECOND = 200

/** Judges failed attempts, counts them and tells about them. */
export class Failures {
  readonly #context: FailureContext
  readonly #limit = new RateLimit(REPORTS_PER_SECOND)

  constructor(context: FailureContext) {
    this.#context = context
  }

  judge(partition: Partition, offset: number, thrown: unknown): FailureVerdict {
    const { ledger, policy, now } = this.#context
    const verdict = judgeFailure(partition.attempt, thrown, policy, Math.random())
    if (verdict.outcome === 'retry') ledger.countRetried()
    else ledger.countFailed()
    if (this.#limit.allows(now()) || verdict.outcome === 'paused') this.#report(partition, offset, thrown, verdict)
    return verdict
  }

  #report(partition: Partition, offset: number, thrown: unknown, verdict: FailureVerdict): void {
    const { log, post } = this.#context
    const { attempt, topic } = partition
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
    const what = `The handler failed on ${partition.key}@${offset}, attempt ${attempt}: ${error.message}`
    const unreported = this.#limit.takeRefused()
    if (unreported > 0) log.warn({ unreported }, `${unreported} failures of the handler were counted, but not reported`)
    if (verdict.outcome === 'retry') {
      log.warn({ ...where, err: thrown, retryInMs }, `${what}; trying again in ${retryInMs} ms`)
    } else if (verdict.outcome === 'skipped') {
      log.error({ ...where, err: thrown }, `${what}; it is passed over, as onExhausted: 'skip' says`)
    } else {
      log.error(
        { ...where, err: thrown },
        `${what}; ${partition.key} stands still there and the other partitions go on. Mend the handler and restart the ` +
          `pool, or pass such messages over with onExhausted: 'skip'`,
      )
    }
  }
}
