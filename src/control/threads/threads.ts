import type { Logger } from 'pino'
import { availableCores } from '../../config/available-cores.js'
import type { PoolSettings } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import { sleep } from '../../util/timers.js'
import { within } from '../../util/within.js'
import { Boots } from './boots.js'
import { Incarnation, type ThreadReport } from './incarnation.js'
import { PiscinaWorkers } from './piscina-workers.js'
import { ChildProcesses } from './processes/child-processes.js'
import { rehearsalConfig } from './rehearsal-config.js'
import { threadError } from './thread-error.js'
import type { Duty, PoolWorker, Workers } from './workers.js'

export interface ThreadsOptions {
  /** How many slots are to be filled at once, at first. */
  readonly size: number
  /** How many booted threads wait for a slot to need them, at first. @default 1 */
  readonly spares?: number
  /** Whether each thread has a process of its own. @default 'thread' */
  readonly isolation?: PoolSettings['isolation']
  readonly resourceLimits: PoolSettings['resourceLimits']
  /** What limits the heap of each in fact, in MB, if that is known. @default what V8 says */
  readonly heapMb?: number | undefined
  /** Modules that each thread loads before those (option `threadImports`). @default none */
  readonly imports?: readonly string[]
  /** URLs of the handler modules; a thread finds them in `workerData.handlers` and loads them while it boots. */
  readonly handlers: readonly string[]
  /** Module whose default export takes a {@link SlotTask}. */
  readonly entry: URL
  /** How long a thread may take to boot. @default 60_000 */
  readonly loadTimeoutMs?: number
  /** How many threads boot at the same time. @default two for each core that the container grants */
  readonly bootsAtOnce?: number
  /** How long a thread may take to die before it counts as lost. */
  readonly terminateTimeoutMs: number
  /** A thread would not die. `lost` counts it already. */
  readonly onLost: (incarnation: Incarnation) => void
  /** A spare is warm. */
  readonly onSpare?: (() => void) | undefined
  readonly log: Logger
}

export interface RunOptions extends Duty {
  readonly onMessage: (report: ThreadReport) => void
}

/** How long the boot of a spare waits for an incarnation to get ready. */
const SETTLE_MS = 1_000
/** How long it waits after that, so that the incarnation's first messages, one of each partition, have the cores. */
const HEADSTART_MS = 150

/** How long the boot of a thread waits for the handlers, at most. */
const IMPORT_WAIT_MS = 10_000

/** A task of {@link Threads} that waits for a thread, or runs. */
interface Run {
  readonly incarnation: Incarnation
  /** Gives the task to this worker. */
  readonly begin: (worker: PoolWorker) => void
}

/** The threads of the pool: gives each incarnation one that has booted, and follows it to its end. */
export class Threads {
  readonly #options: ThreadsOptions
  readonly #workers: Workers
  readonly #boots: Boots
  readonly #live = new Set<Incarnation>()
  readonly #waiting: Run[] = []
  readonly #lost = new Set<Incarnation>()
  /** Incarnations that are not ready yet. */
  readonly #settling = new Set<Incarnation>()
  readonly #slotOf = new WeakMap<PoolWorker, number>()
  /** How many there are to be, those of slots that leave apart. */
  #wanted: number
  #leaving: ReadonlySet<number> = new Set()
  #closing: Promise<void> | null = null

  constructor(options: ThreadsOptions) {
    this.#options = options
    const {
      entry,
      imports = [],
      handlers,
      heapMb,
      resourceLimits,
      size,
      spares = 1,
      loadTimeoutMs = 60_000,
      bootsAtOnce,
      log,
    } = options
    this.#wanted = size + spares
    const Kind = options.isolation === 'process' ? ChildProcesses : PiscinaWorkers
    this.#workers = new Kind({
      entry,
      data: {
        ...{ imports, handlers, heapMb, loadTimeoutMs },
        importWaitMs: Math.min(IMPORT_WAIT_MS, loadTimeoutMs / 2),
        rehearsal: rehearsalConfig(),
      },
      resourceLimits,
      onBooted: (worker: PoolWorker) => this.#boots.booted(worker),
    })
    this.#boots = new Boots({
      workers: this.#workers,
      total: () => this.#total,
      atOnce: bootsAtOnce ?? 2 * availableCores(),
      timeoutMs: loadTimeoutMs,
      modules: [...imports, ...handlers],
      waiting: () => this.#waiting.length,
      isSettling: () => this.#settling.size > 0,
      onChange: () => this.#place(),
      onMissed: (sign) => {
        const incarnation = this.#waiting.shift()?.incarnation
        incarnation?.fail(threadError(incarnation, sign))
      },
      log,
    })
    this.#boots.fill()
  }

  /** How many threads that would not die are still alive. */
  get lost(): number {
    return this.#lost.size
  }

  /**
   * Other slots are to be filled from now on. Threads are booted, or spares ended, until their number is right.
   *
   * @param leaving numbers of slots that come to their end: they have their threads as long as these live
   */
  resize(size: number, spares: number, leaving: Iterable<number>): void {
    this.#wanted = size + spares
    this.#leaving = new Set(leaving)
    this.#boots.fill()
  }

  /** Bytes of memory that their own processes take, those of spares included. */
  get rss(): number {
    return this.#workers.all.reduce((sum, { rss = 0 }) => sum + rss, 0)
  }

  /** How many threads are booted and wait for a slot. */
  get warm(): number {
    return this.#boots.warm.length
  }

  /**
   * Begins an incarnation: on a spare at once, or else on the next thread that has booted.
   *
   * @throws {@link PoolError} `KCP_POOL_STOPPED` after `close`
   */
  run({ onMessage, ...task }: RunOptions): Incarnation {
    if (this.#closing !== null) {
      throw new PoolError(ErrorCode.poolStopped, `slot ${task.slot}: the pool is closed`, { slot: task.slot })
    }
    const line = this.#workers.line(task.config.concurrency)
    const running = new AbortController()
    const incarnation = new Incarnation({
      ...task,
      line,
      terminateTimeoutMs: this.#options.terminateTimeoutMs,
      onMessage,
      abort: () => {
        line.withdraw() // if no worker got it
        if (!this.#withdraw(run)) running.abort()
      },
    })
    const run: Run = {
      incarnation,
      begin: (worker) => {
        this.#slotOf.set(worker, incarnation.slot)
        incarnation.board(worker)
        line.begin(worker, task, running.signal).then(
          (value) => incarnation.returned(value),
          (reason: unknown) => incarnation.rejected(reason),
        )
      },
    }
    this.#follow(incarnation)
    this.#waiting.push(run)
    this.#place()
    return incarnation
  }

  /** Ends every thread. Idempotent. Takes no longer than `timeoutMs`, whatever the threads do. */
  close(timeoutMs: number): Promise<void> {
    this.#closing ??= this.#close(timeoutMs)
    return this.#closing
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#boots.close()
    const why = new PoolError(ErrorCode.poolStopped, 'the pool was stopped')
    const ended = Promise.all([...this.#live].map((incarnation) => incarnation.end(why)))
    await within(Promise.all([ended, this.#boots.destroy()]), timeoutMs)
  }

  /** How many threads there are to be: those of slots that leave die with them, and are not replaced. */
  get #total(): number {
    const dying = this.#workers.all.filter((worker) => this.#leaving.has(this.#slotOf.get(worker) ?? -1))
    return this.#wanted + dying.length
  }

  #follow(incarnation: Incarnation): void {
    this.#live.add(incarnation)
    this.#settling.add(incarnation)
    void within(incarnation.ready, SETTLE_MS)
      .then(() => sleep(HEADSTART_MS, { ref: false }))
      .then(() => {
        this.#settling.delete(incarnation)
        this.#boots.fill()
      })
    void incarnation.exited.then(async ({ reason }) => {
      this.#live.delete(incarnation)
      const { terminateTimeoutMs } = this.#options
      if (reason === 'lost' || !(await within(incarnation.freed, terminateTimeoutMs))) {
        this.#lost.add(incarnation)
        this.#options.onLost(incarnation)
      }
    })
    void incarnation.freed.then(() => this.#lost.delete(incarnation))
  }

  /** Gives booted threads to those who wait, then sees that enough threads are there. */
  #place(): void {
    if (this.#closing !== null) return
    for (const worker of this.#boots.warm) {
      const run = this.#waiting.shift()
      if (run === undefined) break
      this.#boots.occupy(worker)
      void run.incarnation.freed.then(() => this.#boots.release(worker))
      run.begin(worker)
    }
    this.#boots.fill()
    if (this.warm > 0) this.#options.onSpare?.()
  }

  /** @returns whether the run was still waiting for a thread */
  #withdraw(run: Run): boolean {
    const place = this.#waiting.indexOf(run)
    if (place === -1) return false
    this.#waiting.splice(place, 1)
    return true
  }
}
