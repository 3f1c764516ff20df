import type { RestartConfig } from '../../config/resolved.js'
import type { PoolError } from '../../errors.js'
import { partitionName } from '../../util/partition-name.js'
import {
  afterCrash,
  type Crash,
  type CrashHistory,
  decideRestart,
  NO_CRASHES,
  type RestartDecision,
} from './restarts.js'
import type { Suspect, SuspectBatch, Suspects } from './suspects.js'

/** How an incarnation came to its end. */
export interface Death {
  /** Monotonic. */
  readonly atMs: number
  /** For how long the handler had run that was in flight longest, or `setup` or `teardown`; 0 when none was. */
  readonly inFlightMs: number
  readonly finishedSinceStart: number
  readonly inFlight: readonly Suspect[]
  /** Whether something was in flight that is not the slot's any more. */
  readonly inCompany: boolean
  /** What was decoded just then. @default nothing */
  readonly decoding?: SuspectBatch | null
  readonly error: PoolError
}

/** What the present thread of a slot has done so far. */
export interface Trial {
  readonly finished: number
  readonly inFlight: readonly Suspect[]
  /** Whether it has anything to do. */
  readonly messagesWait: boolean
}

/** The crash history of one slot, and what its restart policy makes of it. */
export class CrashBook {
  readonly #config: RestartConfig
  readonly #suspects: Suspects
  readonly #convictAfter: number
  #history: CrashHistory = NO_CRASHES
  #readySinceMs: number | null = null

  /**
   * @param suspects those of the slot's group
   * @param convictAfter how many threads a message may kill
   */
  constructor(config: RestartConfig, suspects: Suspects, convictAfter: number) {
    this.#config = config
    this.#suspects = suspects
    this.#convictAfter = convictAfter
  }

  /** A thread got ready. */
  ready(nowMs: number): void {
    this.#readySinceMs = nowMs
  }

  /** Enters a death and decides what follows from it. */
  crashed(death: Death): { readonly crash: Crash; readonly decision: RestartDecision } {
    const { repeated, killer, verdict } = this.#suspects.accuse(death, this.#convictAfter)
    const crash: Crash = {
      atMs: death.atMs,
      // Who convicts a message has found out what it died of: the next thread will not.
      fruitful: verdict === 'convicted' || (death.finishedSinceStart > 0 && !repeated),
      trial: verdict,
      killer: killer === null ? undefined : `${partitionName(killer)}@${killer.offset}`,
      // Beside a message that has killed before one may be healthy for long without getting past it.
      healthyMs: repeated ? 0 : this.#healthyMs(death),
    }
    this.#readySinceMs = null
    this.#history = afterCrash(this.#history, crash, this.#config)
    const decision = decideRestart(this.#history, this.#config, Math.random(), verdict)
    if (decision.action === 'park') this.#history = { ...this.#history, parked: this.#history.parked + 1 }
    return { crash, decision }
  }

  /** Whether the slot was parked since a thread of it last did any good. */
  get wasParked(): boolean {
    return this.#history.parked > 0
  }

  /** The last thread died for nothing, and the present one has not done better yet, although there is something to do. */
  isUnproven({ finished, inFlight, messagesWait }: Trial): boolean {
    if (this.#history.inARow === 0 || !messagesWait) return false
    return finished === 0 || this.#suspects.has(inFlight)
  }

  /** The time in which a handler hung is not health, however long it was allowed to. */
  #healthyMs({ atMs, inFlightMs }: Death): number {
    return this.#readySinceMs === null ? 0 : Math.max(atMs - inFlightMs - this.#readySinceMs, 0)
  }
}
