import { once } from 'node:events'
import type { Logger } from 'pino'
import { after, sleep } from '../../util/timers.js'
import { SpareBackoff } from './spare-backoff.js'
import { type DeathSign, type EndOfWorker, endSign, spareError } from './thread-error.js'
import { handOnOutput } from './thread-output.js'
import type { PoolWorker, Workers } from './workers.js'

export interface BootsOptions {
  readonly workers: Pick<Workers, 'all' | 'boot' | 'destroy'>
  /** How many threads there are to be now, spares included. */
  readonly total: () => number
  /** How many boot at the same time. */
  readonly atOnce: number
  /** How long a boot may take. */
  readonly timeoutMs: number
  /** The modules that a thread loads meanwhile, for the error of one that takes longer. */
  readonly modules: readonly string[]
  /** How many incarnations wait for a thread. */
  readonly waiting: () => number
  /** Incarnations are getting ready: booting a spare now would take the cores from them. */
  readonly isSettling: () => boolean
  /** A thread can be taken, or one is missing. */
  readonly onChange: () => void
  /** A thread died for which somebody waits. */
  readonly onMissed: (sign: DeathSign) => void
  readonly log: Logger
}

/** How long a pool that closes lets its boots come to their end. */
const BOOT_END_MS = 5_000

/**
 * Decides when a thread is booted, and looks after those that fill no slot.
 *
 * An incarnation that needs a thread always gets one booted (how often is the restart policy's business); only the spares
 * wait after they have died for nothing. A boot takes CPU, so only so many run at the same time that each has its share of
 * a core: the time that one may take does not depend on how many wait.
 */
export class Boots {
  readonly #options: BootsOptions
  /** Workers whose exit is watched. */
  readonly #known = new WeakSet<PoolWorker>()
  readonly #booted = new WeakSet<PoolWorker>()
  /** Workers that have a task, or are being killed. */
  readonly #occupied = new Set<PoolWorker>()
  /** Those of them that were not needed any more. */
  readonly #dying = new Set<PoolWorker>()
  readonly #backoff = new SpareBackoff(() => this.fill())
  #closed = false

  constructor(options: BootsOptions) {
    this.#options = options
  }

  /** Threads that have booted and fill no slot. */
  get warm(): PoolWorker[] {
    return this.#free.filter((worker) => this.#booted.has(worker))
  }

  /** Sees that enough threads are there, and not too many. */
  fill(): void {
    if (this.#closed) return
    this.#endSurplus()
    // A boot that fails has its consequences: what is missing then may be less.
    for (let n = this.#missing; n > 0 && this.#missing > 0; n--) this.#boot()
  }

  /** This one has booted, and can be given a task. */
  booted(worker: PoolWorker): void {
    this.#booted.add(worker)
    if (this.#closed) void worker.terminate()
    else this.#options.onChange()
  }

  /** From now on until it is released its death is somebody else's business. */
  occupy(worker: PoolWorker): void {
    this.#occupied.add(worker)
  }

  release(worker: PoolWorker): void {
    this.#occupied.delete(worker)
    this.#options.onChange()
  }

  /** None is booted any more. */
  close(): void {
    this.#closed = true
    this.#backoff.close()
  }

  /**
   * Ends every thread. One that is ended while it reads its modules leaves file descriptors behind (Node opens them
   * asynchronously, and nobody takes what comes of that any more), so those that boot come to the end of that first.
   */
  async destroy(): Promise<void> {
    const { workers } = this.#options
    for (const worker of workers.all) if (this.#booted.has(worker)) void worker.terminate()
    const ends = this.#booting.map((worker) => once(worker, 'exit'))
    await Promise.race([Promise.allSettled(ends), sleep(BOOT_END_MS, { ref: false })])
    await workers.destroy()
  }

  get #missing(): number {
    const { workers, total, atOnce, waiting, isSettling } = this.#options
    const room = total() - workers.all.length
    const onlyForWaiting = this.#backoff.resting || isSettling()
    const wanted = onlyForWaiting ? Math.min(room, waiting() - this.#free.length) : room
    return Math.min(wanted, atOnce - this.#booting.length)
  }

  /** Threads without a task, booted or not. */
  get #free(): PoolWorker[] {
    return this.#options.workers.all.filter((worker) => !this.#occupied.has(worker))
  }

  get #booting(): PoolWorker[] {
    return this.#free.filter((worker) => !this.#booted.has(worker))
  }

  /** One that still boots is let come to the end of that. */
  #endSurplus(): void {
    const { workers, total, waiting } = this.#options
    const booted = workers.all.length - this.#booting.length - this.#dying.size
    const surplus = Math.min(booted - total(), this.warm.length - waiting())
    for (const worker of this.warm.slice(0, Math.max(0, surplus))) {
      this.#occupied.add(worker)
      this.#dying.add(worker)
      void worker.terminate()
    }
  }

  #boot(): void {
    const { workers } = this.#options
    try {
      workers.boot()
    } catch (reason) {
      this.#onIdleDeath({ type: 'unborn', reason }, false)
    }
    for (const worker of workers.all) if (!this.#known.has(worker)) this.#know(worker)
  }

  #know(worker: PoolWorker): void {
    this.#known.add(worker)
    handOnOutput(worker.stdout, process.stdout)
    handOnOutput(worker.stderr, process.stderr)
    let sign: DeathSign | null = null
    const hangs = after(() => this.#bootHangs(worker), this.#options.timeoutMs).unref()
    worker.once('error', (thrown: unknown) => {
      sign = { type: 'threw', thrown }
    })
    worker.once('exit', (...end: EndOfWorker) => {
      clearTimeout(hangs)
      this.#dying.delete(worker)
      const wasIdle = !this.#occupied.delete(worker)
      if (wasIdle) this.#onIdleDeath(sign ?? endSign(...end), this.#booted.has(worker))
      this.#options.onChange()
    })
  }

  /** Nobody waits for such a boot any more. */
  #bootHangs(worker: PoolWorker): void {
    if (this.#booted.has(worker) || this.#closed) return
    this.#occupied.add(worker) // by its own death, which may take long
    void worker.terminate()
    const { timeoutMs: afterMs, modules } = this.#options
    this.#onIdleDeath({ type: 'hung', afterMs, modules }, false)
    this.#options.onChange()
  }

  /** A thread died that had no task. Somebody may have been waiting for it. */
  #onIdleDeath(sign: DeathSign, booted: boolean): void {
    if (this.#closed) return
    const { log, waiting, onMissed } = this.#options
    const retryInMs = this.#backoff.rest()
    const err = spareError(sign, booted)
    const what = sign.type === 'unborn' ? 'a thread could not be started' : 'a spare thread died'
    log.error({ err, retryInMs }, `${what}; the slots that run are not affected`)
    if (waiting() > this.#free.length) onMissed(sign)
  }
}
