import { once } from 'node:events'
import { MessageChannel, type Worker } from 'node:worker_threads'
import type { Logger } from 'pino'
import { Piscina, queueOptionsSymbol, type TaskQueue } from 'piscina'
import { availableCores } from '../../config/available-cores.js'
import type { PoolSettings } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import { Ledger } from '../../protocol/ledger.js'
import type { SlotTask, ThreadData } from '../../protocol/messages.js'
import { after, sleep } from '../../util/timers.js'
import { within } from '../../util/within.js'
import { Incarnation, type ThreadReport } from './incarnation.js'
import { rehearsalConfig } from './rehearsal-config.js'
import { SpareBackoff } from './spare-backoff.js'
import { type DeathSign, spareError, threadError } from './thread-error.js'
import { handOnOutput } from './thread-output.js'

export interface ThreadsOptions {
  /** How many slots are to be filled at once. */
  readonly size: number
  /** How many booted threads wait for a slot to need them. @default 1 */
  readonly spares?: number
  readonly resourceLimits: PoolSettings['resourceLimits']
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
  readonly log: Logger
}

export interface RunOptions extends Omit<SlotTask, 'port' | 'ledger'> {
  readonly onMessage: (report: ThreadReport) => void
}

/** How long the boot of a spare waits for an incarnation to get ready. */
const SETTLE_MS = 1_000
/** How long it waits after that, so that the incarnation's first messages, one of each partition, have the cores. */
const HEADSTART_MS = 150

/** How long the boot of a thread waits for the handlers, at most. */
const IMPORT_WAIT_MS = 10_000
/** How long a pool that closes lets its boots come to their end. */
const BOOT_END_MS = 5_000

/** A task of {@link Threads} that waits for a thread, or runs. */
interface Run {
  readonly incarnation: Incarnation
  /** Gives the task to Piscina, for `worker` alone. */
  readonly begin: (worker: Worker) => void
}

/** What the load balancer finds in a task: the one worker that may take it; none at all when null. */
interface Destination {
  readonly worker: Worker | null
}

/** Piscina keeps no request for a boot that it could not take up: nobody would ever take it out again. */
const KEEPS_NOTHING: TaskQueue = { size: 0, shift: () => null, push: () => {}, remove: () => {} }

/**
 * The threads of the pool. Piscina owns them (boots them, carries tasks to them, kills them); when one is booted and
 * which incarnation gets which is decided here.
 *
 * Piscina is never left to replace threads by itself (`minThreads: 0`), for it does both too much and too little: a
 * thread that dies idle right after its boot is replaced for ever and at once, and after a single death before the boot
 * was complete none is replaced any more. Here an incarnation that needs a thread always gets one booted (how often is
 * the restart policy's business); only the spares wait after they have died for nothing. A boot takes CPU, so only so many
 * run at the same time that each has its share of a core: the time that one may take does not depend on how many wait.
 */
export class Threads {
  readonly #options: ThreadsOptions
  readonly #piscina: Piscina
  readonly #total: number
  readonly #loadTimeoutMs: number
  readonly #bootsAtOnce: number
  readonly #live = new Set<Incarnation>()
  readonly #waiting: Run[] = []
  /** Workers whose exit is watched. */
  readonly #known = new WeakSet<Worker>()
  readonly #booted = new WeakSet<Worker>()
  /** Workers that have a task, or are being killed. */
  readonly #occupied = new Set<Worker>()
  readonly #lost = new Set<Incarnation>()
  /** Incarnations that are not ready yet: booting a spare now would take the cores from them. */
  readonly #settling = new Set<Incarnation>()
  readonly #backoff = new SpareBackoff(() => this.#fill())
  #lostTotal = 0
  #closing: Promise<void> | null = null

  constructor(options: ThreadsOptions) {
    this.#options = options
    this.#total = options.size + (options.spares ?? 1)
    this.#loadTimeoutMs = options.loadTimeoutMs ?? 60_000
    this.#bootsAtOnce = options.bootsAtOnce ?? 2 * availableCores()
    this.#piscina = new Piscina({
      filename: options.entry.href,
      workerData: {
        handlers: options.handlers,
        importWaitMs: Math.min(IMPORT_WAIT_MS, this.#loadTimeoutMs / 2),
        rehearsal: rehearsalConfig(),
      } satisfies ThreadData,
      resourceLimits: { ...options.resourceLimits },
      minThreads: 0,
      maxThreads: this.#total,
      idleTimeout: Number.POSITIVE_INFINITY,
      concurrentTasksPerWorker: 1,
      // With Atomics an idle thread blocks its own event loop, and with it whatever the handler module does meanwhile.
      atomics: 'disabled',
      recordTiming: false,
      taskQueue: KEEPS_NOTHING,
      loadBalancer: (task, workers) => {
        const { worker } = task[queueOptionsSymbol] as Destination
        return workers.find(({ id }) => id === worker?.threadId) ?? null
      },
    })
    this.#piscina.on('workerCreate', ({ id }: { id: number }) => this.#onBooted(id))
    // The death of an idle thread; its `exit` event tells the same.
    this.#piscina.on('error', () => {})
    this.#fill()
  }

  /** How many threads that would not die are still alive. */
  get lost(): number {
    return this.#lost.size
  }

  /** How many threads would not die in time, those included that died later. */
  get lostTotal(): number {
    return this.#lostTotal
  }

  /** How many threads are booted and wait for a slot. */
  get warm(): number {
    return this.#free.filter((worker) => this.#booted.has(worker)).length
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
    const { port1, port2 } = new MessageChannel()
    const ledger = Ledger.create(task.config.concurrency)
    const running = new AbortController()
    const incarnation = new Incarnation({
      ...task,
      ledger,
      port: port1,
      terminateTimeoutMs: this.#options.terminateTimeoutMs,
      onMessage,
      abort: () => {
        port2.close() // if no worker got it: closing its other end does not end a port that has messages to read
        if (!this.#withdraw(run)) running.abort()
      },
    })
    const run: Run = {
      incarnation,
      begin: (worker) => {
        const slotTask: SlotTask = { ...task, ledger: ledger.buffer, port: port2 }
        incarnation.board(worker)
        this.#piscina
          .run(
            { ...slotTask, [queueOptionsSymbol]: { worker } satisfies Destination },
            { signal: running.signal, transferList: [port2] },
          )
          .then(
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
    this.#backoff.close()
    const why = new PoolError(ErrorCode.poolStopped, 'the pool was stopped')
    const ended = Promise.all([...this.#live].map((incarnation) => incarnation.end(why)))
    await within(Promise.all([ended, this.#destroy()]), timeoutMs)
  }

  /**
   * A thread that is ended while it reads its modules leaves file descriptors behind (Node opens them asynchronously, and
   * nobody takes what comes of that any more), so those that boot come to the end of that first. Nobody waits for it.
   */
  async #destroy(): Promise<void> {
    for (const worker of this.#piscina.threads) if (this.#booted.has(worker)) void worker.terminate()
    const ends = this.#booting.map((worker) => once(worker, 'exit'))
    await Promise.race([Promise.allSettled(ends), sleep(BOOT_END_MS, { ref: false })])
    await this.#piscina.destroy() // which waits without a bound for each thread to exit
  }

  #follow(incarnation: Incarnation): void {
    this.#live.add(incarnation)
    this.#settling.add(incarnation)
    void within(incarnation.ready, SETTLE_MS)
      .then(() => sleep(HEADSTART_MS, { ref: false }))
      .then(() => {
        this.#settling.delete(incarnation)
        this.#fill()
      })
    void incarnation.exited.then(({ reason }) => {
      this.#live.delete(incarnation)
      if (reason === 'lost') {
        this.#lost.add(incarnation)
        this.#lostTotal += 1
        this.#options.onLost(incarnation)
      }
    })
    void incarnation.freed.then(() => this.#lost.delete(incarnation))
  }

  /** Gives booted threads to those who wait, then sees that enough threads are there. */
  #place(): void {
    if (this.#closing !== null) return
    for (const worker of this.#piscina.threads) {
      if (!this.#booted.has(worker) || this.#occupied.has(worker)) continue
      const run = this.#waiting.shift()
      if (run === undefined) break
      this.#occupied.add(worker)
      void run.incarnation.freed.then(() => {
        this.#occupied.delete(worker)
        this.#place()
      })
      run.begin(worker)
    }
    this.#fill()
  }

  #fill(): void {
    if (this.#closing !== null) return
    // A boot that fails has its consequences: what is missing then may be less.
    for (let n = this.#missing; n > 0 && this.#missing > 0; n--) this.#boot()
  }

  get #missing(): number {
    const room = this.#total - this.#piscina.threads.length
    const onlyForWaiting = this.#backoff.resting || this.#settling.size > 0
    const wanted = onlyForWaiting ? Math.min(room, this.#waiting.length - this.#free.length) : room
    return Math.min(wanted, this.#bootsAtOnce - this.#booting.length)
  }

  /** Threads without a task, booted or not. */
  get #free(): Worker[] {
    return this.#piscina.threads.filter((worker) => !this.#occupied.has(worker))
  }

  get #booting(): Worker[] {
    return this.#free.filter((worker) => !this.#booted.has(worker))
  }

  /** Piscina adds a thread for a task that no thread takes; so it is asked with one that none may take. */
  #boot(): void {
    try {
      void this.#piscina.run({ [queueOptionsSymbol]: { worker: null } satisfies Destination })
    } catch (reason) {
      // `new Worker` throws when the operating system gives no thread, and Piscina lets that through.
      this.#onIdleDeath({ type: 'unborn', reason }, false)
    }
    for (const worker of this.#piscina.threads) if (!this.#known.has(worker)) this.#know(worker)
  }

  #know(worker: Worker): void {
    this.#known.add(worker)
    handOnOutput(worker.stdout, process.stdout)
    handOnOutput(worker.stderr, process.stderr)
    let sign: DeathSign | null = null
    const hangs = after(() => this.#bootHangs(worker), this.#loadTimeoutMs).unref()
    worker.once('error', (thrown) => {
      sign = { type: 'threw', thrown }
    })
    worker.once('exit', (exitCode) => {
      clearTimeout(hangs)
      const wasIdle = !this.#occupied.delete(worker)
      if (wasIdle) this.#onIdleDeath(sign ?? { type: 'exited', exitCode }, this.#booted.has(worker))
      this.#place()
    })
  }

  #onBooted(threadId: number): void {
    const worker = this.#piscina.threads.find((candidate) => candidate.threadId === threadId)
    if (worker === undefined) return
    this.#booted.add(worker)
    if (this.#closing !== null) {
      void worker.terminate()
      return
    }
    // Piscina gives tasks only to threads that it has entered as ready, which it does after this event.
    queueMicrotask(() => this.#place())
  }

  /** @returns whether the run was still waiting for a thread */
  #withdraw(run: Run): boolean {
    const place = this.#waiting.indexOf(run)
    if (place === -1) return false
    this.#waiting.splice(place, 1)
    return true
  }

  /** Nobody waits for such a boot any more. */
  #bootHangs(worker: Worker): void {
    if (this.#booted.has(worker) || this.#closing !== null) return
    this.#occupied.add(worker) // by its own death, which may take long
    void worker.terminate()
    const { handlers } = this.#options
    this.#onIdleDeath({ type: 'hung', afterMs: this.#loadTimeoutMs, handlers }, false)
    this.#place()
  }

  /** A thread died that had no task. Somebody may have been waiting for it. */
  #onIdleDeath(sign: DeathSign, booted: boolean): void {
    if (this.#closing !== null) return
    const retryInMs = this.#backoff.rest()
    const err = spareError(sign, booted)
    const what = sign.type === 'unborn' ? 'a thread could not be started' : 'a spare thread died'
    this.#options.log.error({ err, retryInMs }, `${what}; the slots that run are not affected`)
    if (this.#waiting.length <= this.#free.length) return
    const incarnation = this.#waiting.shift()?.incarnation
    incarnation?.fail(threadError(incarnation, sign))
  }
}
