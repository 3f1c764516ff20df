import type { Logger } from 'pino'
import type { PoolSettings } from '../../config/resolved.js'
import { COMMIT_WAIT_MS } from '../../config/rules/own-times.js'
import type { PoolError } from '../../errors.js'
import type { RecycleReason, ThreadMemory } from '../../protocol/reports.js'
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

/** A thread that was replaced although it worked. */
export interface Recycling {
  readonly reason: RecycleReason
  readonly incarnation: number
  readonly clientId: string
  /** Messages that it had finished. */
  readonly finished: number
  readonly memory: ThreadMemory | null
}

/** What a slot is to do: get a new thread, or give up its partitions and be tried again later (null: never). */
type Plan =
  | { readonly action: 'recycle'; readonly reason: RecycleReason }
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
  /** A message was convicted: its partition stands still, unless it goes to a dead-letter topic. */
  convicted(): void
  /** The slot is parked from now on. */
  parked(error: PoolError): void
  /** A crash happened, or (null) the slot was parked for another reason: the pool looks whether it must escalate. */
  onTrouble(crash: Crash | null): void
  /** Commits what is finished. Never rejects. */
  commit(): Promise<void>
  /** Whether the group knows the seat. */
  isMember(): boolean
  giveUpSeat(): Promise<void>
  /** Ends the thread, if there is one, after its teardown. @param retires whether no other slot may get it */
  sayGoodbye(retires: boolean): Promise<void>
  /** The thread starts no message any more. Resolves when it stands between two messages, or with null when that cannot be. */
  holdBack(): Promise<Omit<Recycling, 'reason'> | null>
  /** The thread may start messages again. */
  letGoOn(): void
  /** A new thread begins, and takes a seat when it is ready if there is none. */
  replaceThread(why: 'crash' | 'recycle'): void
}

export interface RecoveryOptions {
  readonly host: RecoveryHost
  readonly crashes: CrashBook
  readonly limiter: RestartLimiter
  readonly by: PoolSettings['recovery']
  readonly report: Pick<SlotReporter, 'crashed' | 'parked' | 'recovered' | 'recycled'>
  readonly log: Logger
}

/**
 * The life of a slot from the death of its thread until the next one has taken over:
 *
 *   died ──► restart: commit, (give the seat up,) wait ─► new thread ─► recovered
 *     ├────► park: commit, give seat and thread up, wait ─► new thread (and a seat for it when it is ready) ─► recovered
 *     recycle: start no message, wait for those in flight, commit, say goodbye ─► new thread ─► recycled
 *
 * One loop carries out one plan at a time. A newer plan takes the place of the one that is under way, whose present step
 * comes to its end and is its last; so there is nothing to look at after a step, and no plan that runs beside another.
 */
export class Recovery {
  readonly #options: RecoveryOptions
  readonly #sleep = new WakeableSleep()
  #plan: Plan | null = null
  #runs = false
  #isClosed = false
  /** When the crash was noticed from which the slot has not recovered yet. */
  #crashedAtMs: number | null = null
  /** The thread that was recycled, whose replacement has not taken over yet, and since when no message of it begins. */
  #recycled: { readonly recycling: Recycling; readonly atMs: number } | null = null

  constructor(options: RecoveryOptions) {
    this.#options = options
  }

  /** The thread is being recycled: it will stop, which is no crash. */
  get isRecycling(): boolean {
    return this.#plan?.action === 'recycle'
  }

  /** The thread is being replaced, or given up. */
  get isUnderWay(): boolean {
    return this.#runs
  }

  /** Replaces the thread between two messages. @returns false when something else is under way */
  recycle(reason: RecycleReason): boolean {
    if (this.#isClosed || this.#runs) return false
    this.#follow({ action: 'recycle', reason })
    return true
  }

  /** The thread died: decides what follows, says so, and does it. */
  died(dead: DeadIncarnation): void {
    this.#recycled = null
    const { host, crashes, report } = this.#options
    const { crash, decision } = crashes.crashed(dead)
    const isParked = decision.action === 'park'
    report.crashed(dead, isParked ? null : decision.delayMs)
    if (crash.trial === 'convicted') host.convicted()
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
    this.#recycled = null
    host.parked(error)
    report.parked(error, retryInMs)
    host.onTrouble(crash) // after the report, which a pool that escalates points at
    this.#follow({ action: 'park', error, retryInMs })
  }

  /** Assignment and thread have come together. */
  settled(): void {
    if (this.#recycled !== null) {
      const { recycling, atMs } = this.#recycled
      this.#recycled = null
      this.#options.report.recycled(recycling, monotonicMs() - atMs)
    }
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
    if (!this.#runs) void this.#run()
  }

  async #run(): Promise<void> {
    this.#runs = true
    for (let plan = this.#plan; plan !== null; plan = this.#plan) {
      try {
        const steps = this.#stepsOf(plan)
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
    this.#runs = false
  }

  #stepsOf(plan: Plan): Steps {
    if (plan.action === 'park') return this.#park(plan)
    return plan.action === 'restart' ? this.#restart(plan) : this.#recycle(plan)
  }

  *#recycle({ reason }: Extract<Plan, { action: 'recycle' }>): Steps {
    const { host } = this.#options
    const retired = (yield host.holdBack()) as Omit<Recycling, 'reason'> | null
    if (retired === null) {
      host.letGoOn()
      return
    }
    const atMs = monotonicMs()
    void host.commit()
    yield host.sayGoodbye(true)
    this.#recycled = { recycling: { reason, ...retired }, atMs }
    host.replaceThread('recycle')
  }

  *#restart({ delayMs }: Extract<Plan, { action: 'restart' }>): Steps {
    const { host, limiter, by } = this.#options
    const committed = host.commit()
    if (by === 'rejoin' && host.isMember()) {
      yield within(committed, COMMIT_WAIT_MS)
      yield host.giveUpSeat()
    }
    if (delayMs > 0) yield this.#sleep.for(delayMs)
    if ((yield limiter.admit()) === true) host.replaceThread('crash')
  }

  *#park({ retryInMs }: Extract<Plan, { action: 'park' }>): Steps {
    const { host, limiter, log } = this.#options
    yield within(host.commit(), COMMIT_WAIT_MS)
    yield Promise.all([host.giveUpSeat(), host.sayGoodbye(false)])
    if (retryInMs === null) return
    yield this.#sleep.for(retryInMs)
    if ((yield limiter.admit()) !== true) return
    log.info('trying the parked slot again')
    host.replaceThread('crash')
  }
}

/** Each is awaited before the next; the plan is over with the one during which it was replaced. */
type Steps = Generator<Promise<unknown>, void, unknown>
