import { ErrorCode, PoolError } from '../../errors.js'
import { Control, type Ledger } from '../../protocol/ledger.js'
import { type FromThread, STOPPED, type ToThread } from '../../protocol/messages.js'
import type { EffectiveConfig } from '../../protocol/reports.js'
import { monotonicMs } from '../../util/clock.js'
import { type Deferred, deferred } from '../../util/deferred.js'
import { within } from '../../util/within.js'
import { type DeathSign, type EndOfWorker, endSign, type ThreadIdentity, threadError } from './thread-error.js'
import type { Line, PoolWorker } from './workers.js'

/** How an incarnation ended. */
export interface Exit {
  /**
   * `stopped`: it was asked to and did; `crashed`: by itself; `ended`: by {@link Incarnation.end}; `lost`: crashed or ended,
   * but its operating system thread did not die within `terminateTimeoutMs` (a native call that cannot be interrupted).
   */
  readonly reason: 'stopped' | 'crashed' | 'ended' | 'lost'
  /** Null for `stopped` only. */
  readonly error: PoolError | null
  /** When it was noticed that the incarnation is over (monotonic). */
  readonly atMs: number
}

/** What a thread says besides its answers: all but `ready` and `done`. */
export type ThreadReport = Exclude<FromThread, { type: 'ready' | 'done' }>

type WithoutId<T> = T extends { readonly requestId: number } ? Omit<T, 'requestId'> : never

/** A message that the thread answers with `done`. */
export type ThreadRequest = WithoutId<ToThread>

export interface IncarnationOptions extends ThreadIdentity {
  readonly line: Line
  readonly terminateTimeoutMs: number
  readonly onMessage: (report: ThreadReport) => void
  /** Takes the task away from its thread, which is killed, or out of the queue when no thread has it yet. */
  readonly abort: () => void
}

/**
 * One incarnation of a slot, as the main thread sees it:
 *
 * ```
 * waiting ──board──► running ──stop──► exited
 *    └────────────────┴──crash, end──► dying ──worker's `error` or `exit`, or the terminate deadline──► exited
 * ```
 *
 * `exited` resolves exactly once, after every message that the thread posted before its death was handled.
 */
export class Incarnation {
  readonly slot: number
  readonly incarnation: number
  readonly clientId: string
  readonly ledger: Ledger
  /** Resolves when a thread has booted and takes the incarnation up; it may never do so. */
  readonly boarded: Promise<void>
  /** Resolves when the handler is loaded and the client is connected; rejects when the thread exits before. */
  readonly ready: Promise<{ readonly threadId: number; readonly effective: EffectiveConfig }>
  /** Always resolves. */
  readonly exited: Promise<Exit>
  /** Resolves when the incarnation holds no operating system thread any more: with `exited`, or later when it was lost. */
  readonly freed: Promise<void>

  readonly #options: IncarnationOptions
  readonly #boarded = deferred<void>()
  readonly #ready = deferred<{ threadId: number; effective: EffectiveConfig }>()
  readonly #exited = deferred<Exit>()
  readonly #freed = deferred<void>()
  readonly #requests = new Map<number, Deferred<void>>()
  #requestId = 0
  #worker: PoolWorker | null = null
  #threadId: number | null = null
  /** What its thread had worked as a spare, or for another one. */
  #workedBeforeMs = 0
  /** Nobody else shall get its thread. */
  #isRetired = false
  /** Set at the first sign of the end; later signs tell nothing new. */
  #exit: Exit | null = null
  #isOver = false

  constructor(options: IncarnationOptions) {
    this.#options = options
    this.slot = options.slot
    this.incarnation = options.incarnation
    this.clientId = options.clientId
    this.ledger = options.line.ledger
    this.boarded = this.#boarded.promise
    this.ready = this.#ready.promise
    this.exited = this.#exited.promise
    this.freed = this.#freed.promise
    options.line.listen(this.#receive)
  }

  /** Node's number of the thread, or the id of its process; null before the incarnation got one. */
  get threadId(): number | null {
    return this.#threadId
  }

  /** Bytes of memory that its own process takes; undefined when it has none, or that is not known. */
  get rss(): number | undefined {
    return this.#worker?.rss
  }

  /** For how long its thread has worked, in ms: its event loop was busy, or its own process had the CPU. 0 when that is not known. */
  get workedMs(): number {
    return Math.max(0, this.#workerMs - this.#workedBeforeMs)
  }

  get #workerMs(): number {
    return this.#worker?.cpuMs ?? this.#worker?.performance?.eventLoopUtilization().active ?? 0
  }

  /** Posts a message; one to a thread that is over is dropped. */
  send(message: ToThread): void {
    this.#options.line.send(message)
  }

  /**
   * Posts a message that the thread answers.
   *
   * @returns a promise that rejects with what the thread ended of when it exits before it has answered
   */
  request(message: ThreadRequest): Promise<void> {
    const answer = deferred<void>()
    if (this.#exit !== null) {
      answer.reject(this.#gone(this.#exit))
      return answer.promise
    }
    const requestId = ++this.#requestId
    this.#requests.set(requestId, answer)
    this.send({ ...message, requestId })
    return answer.promise
  }

  /** When it stops its thread ends with it, instead of waiting for another slot: its memory shall be free. */
  retire(): void {
    this.#isRetired = true
  }

  /** Asks the thread to stop, and ends it when it has not within `timeoutMs`. Resolves with `exited`. */
  async stop(timeoutMs: number): Promise<Exit> {
    if (this.#worker === null) this.#withdraw({ reason: 'stopped', error: null, atMs: monotonicMs() })
    this.ledger.raise(Control.stop | Control.giveUp)
    this.send({ type: 'stop' })
    if (await within(this.exited, timeoutMs)) return this.exited
    const message = `slot ${this.slot}: the thread did not stop within ${Math.round(timeoutMs)} ms, so it was ended`
    return this.end(new PoolError(ErrorCode.handlerHung, message, { slot: this.slot }))
  }

  /** Kills the thread. Resolves with `exited`. */
  end(why: PoolError): Promise<Exit> {
    const exit = { reason: 'ended', error: why, atMs: monotonicMs() } as const
    if (this.#worker === null) this.#withdraw(exit)
    else if (this.#exit === null) {
      this.#die(exit)
      this.#options.abort()
    }
    return this.exited
  }

  /** @internal A worker is about to get the task. */
  board(worker: PoolWorker): void {
    this.#worker = worker
    this.#threadId = worker.threadId
    this.#workedBeforeMs = this.#workerMs
    worker.once('error', this.#onError)
    worker.once('exit', this.#onExit)
    this.#boarded.resolve()
  }

  /** @internal Piscina's `run` resolved. After `throw null` it does so too, but then the worker's `error` came first. */
  returned(value: unknown): void {
    if (value !== STOPPED) this.#giveUp({ type: 'returned', value })
    if (this.#exit !== null) return
    const exit = { reason: 'stopped', error: null, atMs: monotonicMs() } as const
    if (this.ledger.flights().length === 0 && this.ledger.hook() === null) {
      this.#exit = exit
      this.#conclude(exit, { workerIsGone: !this.#isRetired })
      // To free a heap takes long. Nobody need wait for that.
      if (this.#isRetired) void this.#worker?.terminate()
    } else {
      // A handler, or its setup or teardown, was left behind in the worker: nobody else may get that one.
      this.#die(exit)
      void this.#worker?.terminate()
    }
  }

  /** @internal Piscina's `run` rejected. When the worker died, its `error` or `exit` came first and counts. */
  rejected(reason: unknown): void {
    this.#giveUp({ type: 'gave-up', reason })
  }

  /** @internal No worker could be booted for the task. */
  fail(error: PoolError): void {
    this.#withdraw({ reason: 'crashed', error, atMs: monotonicMs() })
  }

  /** The task is over although the worker lives. Such a worker is in no known state: it gets no other task. */
  #giveUp(sign: DeathSign): void {
    if (this.#exit !== null) return
    this.#crash(sign)
    void this.#worker?.terminate()
  }

  /** Its JavaScript has ended, the operating system thread will soon: nobody need wait for that. */
  #onError = (thrown: unknown): void => {
    this.#crash({ type: 'threw', thrown })
    if (this.#exit !== null) this.#conclude(this.#exit, { workerIsGone: false })
  }

  #onExit = (...end: EndOfWorker): void => {
    this.#crash(endSign(...end))
    if (this.#exit !== null) this.#conclude(this.#exit)
    this.#freed.resolve()
  }

  #crash(sign: DeathSign): void {
    if (this.#exit !== null) return
    this.#die({ reason: 'crashed', error: threadError(this.#options, sign), atMs: monotonicMs() })
  }

  /** The end has begun; the worker's `exit` completes it, or else the terminate deadline does. */
  #die(exit: Exit): void {
    this.#exit = exit
    void within(this.exited, this.#options.terminateTimeoutMs).then((inTime) => {
      if (!inTime) this.#lose(exit)
    })
  }

  #lose({ error: cause, atMs }: Exit): void {
    const { slot } = this
    const what = `the thread (incarnation ${this.incarnation}, client id ${this.clientId}) would not die within`
    const message = `slot ${slot}: ${what} ${this.#options.terminateTimeoutMs} ms: most likely it is in a native call. It is left behind; the process cannot exit by itself before it returns`
    this.#worker?.unref()
    this.#conclude({ reason: 'lost', error: new PoolError(ErrorCode.threadLost, message, { slot, cause }), atMs })
  }

  /** Ends an incarnation that has no worker yet. */
  #withdraw(exit: Exit): void {
    if (this.#exit !== null) return
    this.#exit = exit
    this.#options.abort()
    this.#conclude(exit)
  }

  #conclude(exit: Exit, { workerIsGone } = { workerIsGone: exit.reason !== 'lost' }): void {
    if (this.#isOver) return
    this.#isOver = true
    try {
      this.#options.line.close()
    } finally {
      const gone = this.#gone(exit)
      this.#ready.reject(gone)
      for (const request of this.#requests.values()) request.reject(gone)
      this.#requests.clear()
      if (workerIsGone) this.#leaveWorker()
      this.#exited.resolve(exit)
    }
  }

  #leaveWorker(): void {
    this.#worker?.off('error', this.#onError)
    this.#worker?.off('exit', this.#onExit)
    this.#freed.resolve()
  }

  #receive = (message: FromThread): void => {
    if (message.type === 'ready') {
      const { threadId, effective } = message
      this.#ready.resolve({ threadId, effective })
    } else if (message.type === 'done') {
      this.#requests.get(message.requestId)?.resolve()
      this.#requests.delete(message.requestId)
    } else {
      this.#options.onMessage(message)
    }
  }

  #gone({ error }: Pick<Exit, 'error'>): PoolError {
    const message = `slot ${this.slot}: the thread (incarnation ${this.incarnation}) has stopped and answers no more`
    return error ?? new PoolError(ErrorCode.threadExited, message, { slot: this.slot })
  }
}
