import type { RestartConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import type { Outlook } from '../pauses.js'
import { type Crash, decideEscalation } from './restarts.js'

/** More threads than this that would not die, and the process had better be restarted. */
const MAX_LOST_THREADS = 3

/** How the pool is at the moment of the question. */
export interface PoolCondition {
  readonly slots: number
  /** Parked, or being tried again without having done any good. */
  readonly parked: number
  readonly lostThreads: number
  /** Of each slot. */
  readonly outlooks: readonly Outlook[]
  /** Monotonic. */
  readonly nowMs: number
}

/**
 * Every partition of the pool stands still, and each was tried again in vain. One of them that moves, or that has
 * nothing to do, is a pool that works; and before each was tried again it may have been a short outage.
 *
 * @param wasStuck the answer before: what is unknown for a moment does not change it
 */
const isStuck = (outlooks: readonly Outlook[], wasStuck: boolean): boolean => {
  if (outlooks.includes('moving')) return false
  return outlooks.includes('unknown') ? wasStuck : outlooks.includes('stuck')
}

/** Decides whether the pool can still heal itself, from the crashes and the partitions of all its slots. */
export class Escalation {
  readonly #config: RestartConfig
  #crashes: Crash[] = []
  #isStuck = false

  constructor(config: RestartConfig) {
    this.#config = config
  }

  /** Enters a crash. Only fruitless ones of the last while count, and none that a message has caused that is convicted. */
  note(crash: Crash): void {
    const sinceMs = crash.atMs - this.#config.windowMs
    const convict = crash.trial === 'convicted' ? crash.killer : undefined
    const counts = ({ atMs, killer }: Crash) => atMs > sinceMs && (convict === undefined || killer !== convict)
    const recent = this.#crashes.filter(counts)
    this.#crashes = crash.fruitful ? recent : [...recent, crash]
  }

  /** Why the pool cannot go on (`KCP_POOL_ESCALATED`), or null when it can. */
  judge(condition: PoolCondition): PoolError | null {
    const reason = this.#reason(condition)
    if (reason === null) return null
    return new PoolError(
      ErrorCode.poolEscalated,
      `the pool cannot heal itself: ${reason}. Look at the slot:crashed, slot:parked and partition:paused events before this, and restart the process when the cause is mended`,
    )
  }

  #reason({ slots, parked, lostThreads, outlooks, nowMs }: PoolCondition): string | null {
    this.#isStuck = isStuck(outlooks, this.#isStuck)
    if (lostThreads > MAX_LOST_THREADS) return `${lostThreads} threads would not die and were left behind`
    if (this.#isStuck) return 'all its partitions stand still, and to try them again was of no use'
    return decideEscalation({ crashes: this.#crashes, parked, size: slots, nowMs, config: this.#config })
  }
}
