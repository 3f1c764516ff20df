import type { RestartConfig } from '../config/resolved.js'
import { ErrorCode, PoolError } from '../errors.js'
import { type Crash, decideEscalation } from './restarts.js'

/** More threads than this that would not die, and the process had better be restarted. */
const MAX_LOST_THREADS = 3

/** How the pool is at the moment of the question. */
export interface PoolCondition {
  readonly slots: number
  readonly parked: number
  readonly lostThreads: number
  /** Monotonic. */
  readonly nowMs: number
}

/** Decides whether the pool can still heal itself, from the crashes of all its slots. */
export class Escalation {
  readonly #config: RestartConfig
  #crashes: Crash[] = []

  constructor(config: RestartConfig) {
    this.#config = config
  }

  /** Enters a crash. Only fruitless ones of the last while count. */
  note(crash: Crash): void {
    const sinceMs = crash.atMs - this.#config.windowMs
    const recent = this.#crashes.filter(({ atMs }) => atMs > sinceMs)
    this.#crashes = crash.fruitful ? recent : [...recent, crash]
  }

  /** Why the pool cannot go on (`KCP_POOL_ESCALATED`), or null when it can. */
  judge({ slots, parked, lostThreads, nowMs }: PoolCondition): PoolError | null {
    const reason =
      lostThreads > MAX_LOST_THREADS
        ? `${lostThreads} threads would not die and were left behind`
        : decideEscalation({ crashes: this.#crashes, parked, size: slots, nowMs, config: this.#config })
    if (reason === null) return null
    return new PoolError(
      ErrorCode.poolEscalated,
      `the pool cannot heal itself: ${reason}. Look at the slot:crashed and slot:parked events before this; restart the process when the cause is mended`,
    )
  }
}
