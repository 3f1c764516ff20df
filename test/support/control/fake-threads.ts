import type { Exit, Incarnation, ThreadReport, ThreadRequest } from '#src/control/threads/incarnation.js'
import type { RunOptions, Threads } from '#src/control/threads/threads.js'
import { ErrorCode, PoolError } from '#src/errors.js'
import { Ledger } from '#src/protocol/ledger.js'
import type { ToThread } from '#src/protocol/messages.js'
import type { EffectiveConfig } from '#src/protocol/reports.js'
import { monotonicMs } from '#src/util/clock.js'
import { type Deferred, deferred } from '#src/util/deferred.js'

/** One incarnation whose life a test directs. It answers every request at once, unless told to be `silent`. */
export class FakeIncarnation {
  readonly slot: number
  readonly incarnation: number
  readonly clientId: string
  readonly threadId = 1
  readonly view: RunOptions['view']
  readonly ledger: Ledger
  readonly requests: ThreadRequest[] = []
  readonly sent: ToThread[] = []
  silent = false
  readonly #ready = deferred<{ threadId: number; effective: EffectiveConfig }>()
  readonly #exited = deferred<Exit>()
  readonly #pending = new Set<Deferred<void>>()
  readonly #onMessage: (report: ThreadReport) => void
  readonly #boarded = deferred<void>()
  readonly boarded = this.#boarded.promise
  readonly ready = this.#ready.promise
  readonly exited = this.#exited.promise
  /** What its operating system thread takes to be gone after that. */
  lingers: Promise<void> = Promise.resolve()
  readonly freed = this.exited.then(() => this.lingers)

  /** @param boards whether a thread takes it up at once */
  constructor({ slot, incarnation, clientId, config, view, onMessage }: RunOptions, boards = true) {
    this.slot = slot
    this.incarnation = incarnation
    this.clientId = clientId
    this.view = view
    this.ledger = Ledger.create(config.concurrency)
    this.#onMessage = onMessage
    if (boards) this.board()
  }

  /** A thread has booted for it. */
  board(): void {
    this.#boarded.resolve()
  }

  /** The handler is loaded and the client is connected. */
  boot(): void {
    this.say({ type: 'loaded' })
    this.#ready.resolve({ threadId: this.threadId, effective: {} })
  }

  /** Is silent no more, and answers what it was asked meanwhile. */
  answer(): void {
    this.silent = false
    for (const answer of this.#pending) answer.resolve()
    this.#pending.clear()
  }

  say(report: ThreadReport): void {
    this.#onMessage(report)
  }

  crash(error = new PoolError(ErrorCode.threadCrashed, 'the test lets it crash')): void {
    this.#exit({ reason: 'crashed', error, atMs: monotonicMs() })
  }

  send(message: ToThread): void {
    this.sent.push(message)
  }

  request(message: ThreadRequest): Promise<void> {
    this.requests.push(message)
    const answer = deferred<void>()
    if (this.silent) this.#pending.add(answer)
    else answer.resolve()
    return answer.promise
  }

  /** Its thread ends with it. */
  isRetired = false

  retire(): void {
    this.isRetired = true
  }

  /** How long it was given to stop. */
  patienceMs: number | undefined

  async stop(patienceMs: number): Promise<Exit> {
    this.patienceMs = patienceMs
    this.#exit({ reason: 'stopped', error: null, atMs: monotonicMs() })
    return this.exited
  }

  end(error: PoolError): Promise<Exit> {
    this.#exit({ reason: 'ended', error, atMs: monotonicMs() })
    return this.exited
  }

  /** Partitions that it was told to take up, over all messages. */
  get handed(): number[] {
    return this.requests.flatMap((request) =>
      request.type === 'assign' ? request.added.map(({ partition }) => partition) : [],
    )
  }

  #exit(exit: Exit): void {
    this.#ready.reject(new Error('gone'))
    for (const answer of this.#pending) answer.reject(new Error('gone'))
    this.#exited.resolve(exit)
  }
}

/** Threads without any thread. */
export class FakeThreads {
  readonly all: FakeIncarnation[] = []
  /** Whether threads are there at once for those who need them. */
  boards = true

  run(options: RunOptions): Incarnation {
    const thread = new FakeIncarnation(options, this.boards)
    this.all.push(thread)
    return thread as unknown as Incarnation
  }

  /** The incarnation that was begun last. */
  get last(): FakeIncarnation {
    const thread = this.all.at(-1)
    if (thread === undefined) throw new Error('no incarnation was begun')
    return thread
  }

  get asThreads(): Threads {
    return this as unknown as Threads
  }
}
