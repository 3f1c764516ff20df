import type { Logger } from 'pino'
import type { PoolSettings } from '../../config/resolved.js'
import { COMMIT_WAIT_MS } from '../../config/rules/own-times.js'
import type { PoolError } from '../../errors.js'
import { monotonicMs } from '../../util/clock.js'
import { WakeableSleep } from '../../util/wakeable-sleep.js'
import { within } from '../../util/within.js'
import type { InFlightMessage } from '../events.js'
import type { SlotReporter } from '../slot-reporter.js'
import type { CrashBook, Death } from './crash-book.js'
import type { RestartLimiter } from './restart-limiter.js'
import type { Crash } from './restarts.js'

/** How long after a fault of our own the plan is begun anew. */
const FAULT_WAIT_MS = 1_000

/** What a slot is to do: get a new thread, or give up its partitions and be tried again later (null: never). */
type Plan =
  | { readonly action: 'restart'; readonly delayMs: number }
  | { readonly action: 'park'; readonly error: PoolError; readonly retryInMs: number | null }

/** One whose thread has died. */
export interface DeadIncarnation extends Death {
  readonly incarnation: number
  readonly clientId: string
  readonly error: PoolError
  readonly inFlight: readonly InFlightMessage[]
}

/** What the recovery does with its slot. */
export interface RecoveryHost {
  /** The slot is parked from now on. */
  parked(error: PoolError): void
  /** A crash happened, or (null) the slot was parked for another reason: the pool looks whether it must escalate. */
  onTrouble(crash: Crash | null): void
  /** Commits what is finished. Never rejects. */
  commit(): Promise<void>
  /** Whether the group knows the seat. */
  isMember(): boolean
  giveUpSeat(): Promise<void>
  /** Ends the thread, if there is one, after its teardown. */
  sayGoodbye(): Promise<void>
  /** A new thread begins, and takes a seat when it is ready if there is none. */
  replaceThread(): void
}

export interface RecoveryOptions {
  readonly host: RecoveryHost
  readonly crashes: CrashBook
  readonly limiter: RestartLimiter
  readonly by: PoolSettings['recovery']
  readonly report: Pick<SlotReporter, 'crashed' | 'parked' | 'recovered'>
  readonly log: Logger
}

/**
 * The life of a slot from the death of its thread until the next one has taken over:
 *
 *   died ──► restart: commit, (give the seat up,) wait ─► new thread ─► recovered
 *     └────► park: commit, give seat and thread up, wait ─► new thread (and a seat for it when it is ready) ─► recovered
 *
 * One loop carries out one plan at a time. A newer plan takes the place of the one that is under way, whose present step
 * comes to its end and is its last; so there is nothing to look at after a step, and no plan that runs beside another.
 */
export class Recovery {
  readonly #options: RecoveryOptions
  readonly #sleep = new WakeableSleep()
  #plan: Plan | null = null
  #isUnderWay = false
  #isClosed = false
  /** When the crash was noticed from which the slot has not recovered yet. */
  #crashedAtMs: number | null = null

  constructor(options: RecoveryOptions) {
    this.#options = options
  }

  /** The thread died: decides what follows, says so, and does it. */
  died(dead: DeadIncarnation): void {
    const { host, crashes, report } = this.#options
    const { crash, decision } = crashes.crashed(dead)
    const isParked = decision.action === 'park'
    report.crashed(dead, isParked ? null : decision.delayMs)
    if (isParked) this.park(dead.error, decision.probeInMs, crash)
    else {
      this.#crashedAtMs = dead.atMs
      host.onTrouble(crash)
      this.#follow(decision)
    }
  }

  /**
   * The slot cannot be kept running: others take its partitions. It is tried again, unless `retryInMs` is null.
   *
   * @param crash what it is parked for, if it is for a crash
   */
  park(error: PoolError, retryInMs: number | null, crash: Crash | null = null): void {
    if (this.#isClosed) return // a listener stopped the pool
    const { host, report } = this.#options
    this.#crashedAtMs = null
    host.parked(error)
    report.parked(error, retryInMs)
    host.onTrouble(crash) // after the report, which a pool that escalates points at
    this.#follow({ action: 'park', error, retryInMs })
  }

  /** Assignment and thread have come together. */
  settled(): void {
    if (this.#crashedAtMs === null) return
    this.#options.report.recovered(monotonicMs() - this.#crashedAtMs, this.#options.by)
    this.#crashedAtMs = null
  }

  /** The slot stops: what is under way comes to the end of its step, and nothing follows. */
  close(): void {
    this.#isClosed = true
    this.#plan = null
    this.#sleep.wake()
  }

  #follow(plan: Plan): void {
    if (this.#isClosed) return
    this.#plan = plan
    this.#sleep.wake()
    if (!this.#isUnderWay) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isUnderWay = true
    for (let plan = this.#plan; plan !== null; plan = this.#plan) {
      try {
        const steps = plan.action === 'park' ? this.#park(plan) : this.#restart(plan)
        for (let step = steps.next(); step.done !== true; ) {
          const result = await step.value
          if (this.#plan !== plan) break
          step = steps.next(result)
        }
        if (this.#plan === plan) this.#plan = null
      } catch (fault) {
        // It must neither end the loop nor spin in it.
        this.#options.log.error({ err: fault }, 'internal fault in the recovery of the slot')
        await this.#sleep.for(FAULT_WAIT_MS)
      }
    }
    this.#isUnderWay = false
  }

  *#restart({ delayMs }: Extract<Plan, { action: 'restart' }>): Steps {
    const { host, limiter, by } = this.#options
    const committed = host.commit()
    if (by === 'rejoin' && host.isMember()) {
      yield within(committed, COMMIT_WAIT_MS)
      yield host.giveUpSeat()
    }
    if (delayMs > 0) yield this.#sleep.for(delayMs)
    if ((yield limiter.admit()) === true) host.replaceThread()
  }

  *#park({ retryInMs }: Extract<Plan, { action: 'park' }>): Steps {
    const { host, limiter, log } = this.#options
    yield within(host.commit(), COMMIT_WAIT_MS)
    yield Promise.all([host.giveUpSeat(), host.sayGoodbye()])
    if (retryInMs === null) return
    yield this.#sleep.for(retryInMs)
    if ((yield limiter.admit()) !== true) return
    log.info('trying the parked slot again')
    host.replaceThread()
  }
}

/** Each is awaited before the next; the plan is over with the one during which it was replaced. */
type Steps = Generator<Promise<unknown>, void, unknown>
