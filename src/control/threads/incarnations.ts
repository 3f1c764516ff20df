import type { Logger } from 'pino'
import type { SlotConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import type { ClusterView } from '../../kafka/metadata.js'
import { Control, type Counters } from '../../protocol/ledger.js'
import type { JournalTask } from '../../protocol/messages.js'
import type { EffectiveConfig } from '../../protocol/reports.js'
import { Tally } from '../../protocol/tally.js'
import { wallAheadMs } from '../../util/clock.js'
import { after, every } from '../../util/timers.js'
import { within } from '../../util/within.js'
import type { Handout } from '../holdings.js'
import type { Exit, Incarnation, ThreadReport, ThreadRequest } from './incarnation.js'
import type { Threads } from './threads.js'

/** How often it is told that a thread has its handler and no connection. */
const CONNECTING_MS = 60_000

/** The ways to die that tell nothing of the handler's import by themselves. */
const DEATHS: readonly string[] = [ErrorCode.threadCrashed, ErrorCode.threadExited, ErrorCode.threadOutOfMemory]

const EMPTY_PAGE = new SharedArrayBuffer(0)

const assignment = (added: Handout | null, removed: readonly number[]): ThreadRequest => ({
  type: 'assign',
  page: added?.page ?? EMPTY_PAGE,
  added: added?.added ?? [],
  removed,
})

/** What a thread says to its slot. */
export type SlotReport = Exclude<ThreadReport, { type: 'loaded' }>

export interface IncarnationsOptions {
  readonly config: SlotConfig
  readonly threads: Threads
  readonly nextClientId: () => string
  /** What main knows of the cluster now. */
  readonly view: () => ClusterView
  readonly log: Logger
  /** The one for the next thread. */
  readonly logLevel: () => string
  /** How many there were before these in a slot of that number. @default 0 */
  readonly before?: number
  /** How long a thread may take to load its handler and to set it up, from its boot. */
  readonly loadTimeoutMs: number
  /** How long `teardown` of the handler's module may take. */
  readonly teardownTimeoutMs: number
  /** Where the thread with that number writes down what is in flight. */
  readonly journalOf: (incarnation: number) => JournalTask | null
  /** The thread has its handler and its client is connected, and has taken up what it was given at its start. */
  readonly onReady: (incarnation: Incarnation) => void
  readonly onMessage: (message: SlotReport) => void
  readonly onExit: (incarnation: Incarnation, exit: Exit) => void
}

/**
 * The incarnations of one slot, one after the other. What must outlive a thread (rebalance, stop, lease, counters) is
 * kept here and given to the next one; what an earlier one still says or writes reaches nobody.
 */
export class Incarnations {
  readonly #options: IncarnationsOptions
  #number: number
  #current: Incarnation | null = null
  #loaded = false
  #ready = false
  #effective: EffectiveConfig | null = null
  #control = 0
  #lease = { untilMs: 0, aheadMs: 0 }
  /** Topics and partitions that the current one was ever given: nothing else can be in flight there. */
  #given = new Map<string, Set<number>>()
  /** Sums over the incarnations before this one. */
  readonly #past = { finished: 0, failed: 0, retried: 0 }
  readonly #pastTally = new Tally()
  /** What its thread had worked when that was last asked, and those before it. */
  #workedMs = { current: 0, past: 0 }
  #dropped = 0

  constructor(options: IncarnationsOptions) {
    this.#options = options
    this.#number = options.before ?? 0
  }

  /** Running number of the current incarnation; 0 before the first. */
  get number(): number {
    return this.#number
  }

  /** The one that fills the slot now. */
  get current(): Incarnation | null {
    return this.#current
  }

  /** True when the current thread has its handler, a client that is connected and what it was given at its start. */
  get ready(): boolean {
    return this.#ready
  }

  /** What the last thread that got ready said about its configuration. */
  get effective(): EffectiveConfig | null {
    return this.#effective
  }

  /** Sums over all incarnations. */
  get counters(): Counters {
    const now = this.#current?.ledger.counters ?? { finished: 0, failed: 0, retried: 0 }
    return {
      finished: this.#past.finished + now.finished,
      failed: this.#past.failed + now.failed,
      retried: this.#past.retried + now.retried,
    }
  }

  /** What all incarnations have counted for metrics, and what the present one buffers. */
  get tally(): Tally {
    const sum = new Tally()
    sum.add(this.#pastTally)
    const now = this.#current?.ledger.tally
    if (now !== undefined) {
      sum.add(now)
      sum.buffers(now.bufferedBytes)
    }
    return sum
  }

  /** For how long their threads have worked, in ms; what the last one did after this was asked may be missing. */
  get workedMs(): number {
    this.#workedMs.current = Math.max(this.#workedMs.current, this.#current?.workedMs ?? 0)
    return this.#workedMs.past + this.#workedMs.current
  }

  /** Until when the thread may begin messages (monotonic); 0 before the seat was a member. */
  get leaseUntilMs(): number {
    return this.#lease.untilMs
  }

  /** Messages that were in flight when their partition was taken away. */
  get dropped(): number {
    return this.#dropped
  }

  /** Fills the slot with a new thread under a fresh client id, which takes these partitions up. */
  start(handout: Handout): Incarnation {
    const { config, threads, nextClientId, view, logLevel, onReady, onMessage, onExit } = this.#options
    const { loadTimeoutMs, teardownTimeoutMs } = this.#options
    this.#number += 1
    this.#loaded = false
    this.#ready = false
    this.#given = new Map()
    this.#note(handout)
    const incarnation = threads.run({
      slot: config.slot,
      incarnation: this.#number,
      clientId: nextClientId(),
      config,
      view: view(),
      setupTimeoutMs: loadTimeoutMs,
      teardownTimeoutMs,
      logLevel: logLevel(),
      journal: this.#options.journalOf(this.#number),
      onMessage: (message) => {
        if (incarnation !== this.#current) return
        if (message.type === 'loaded') {
          this.#loaded = true
          clearTimeout(loading)
          connecting ??= every(() => this.#connectingHangs(incarnation), CONNECTING_MS)
        } else onMessage(message)
      },
    })
    this.#current = incarnation
    let loading: NodeJS.Timeout | undefined
    let connecting: NodeJS.Timeout | undefined
    // Not from now: on a machine with many more threads than cores its boot may be far away.
    void incarnation.boarded.then(() => {
      if (incarnation !== this.#current || this.#loaded) return
      loading = after(() => void incarnation.end(this.#loadingHangs(incarnation)), this.#options.loadTimeoutMs)
    })
    incarnation.ledger.raise(this.#control)
    incarnation.ledger.extendLease(this.#lease.untilMs, this.#lease.aheadMs)
    // It may begin to fetch as soon as its client is connected: there is nothing left that it would have to ask for.
    Promise.all([incarnation.ready, incarnation.request(assignment(handout, []))]).then(
      ([{ effective }]) => {
        clearInterval(connecting)
        if (incarnation !== this.#current) return
        this.#ready = true
        this.#effective = effective
        onReady(incarnation)
      },
      () => {}, // told by `exited`
    )
    incarnation.exited.then((exit) => {
      clearTimeout(loading)
      clearInterval(connecting)
      if (incarnation !== this.#current) return
      this.#current = null
      this.#ready = false
      const { finished, failed, retried } = incarnation.ledger.counters
      this.#past.finished += finished
      this.#past.failed += failed
      this.#past.retried += retried
      this.#leaveTally(incarnation, exit)
      onExit(incarnation, this.#loaded ? exit : { ...exit, error: this.#whileLoading(exit.error) })
    })
    return incarnation
  }

  /** Handlers that died with their thread, or were left behind, have run until then. */
  #leaveTally({ ledger, workedMs }: Incarnation, { atMs }: Exit): void {
    this.#pastTally.add(ledger.tally)
    for (const { runningMs } of ledger.flights(atMs)) this.#pastTally.handlers.count(runningMs)
    // Of a thread that has crashed Node says no more than was asked before; one that was ended is there still.
    const { current, past } = this.#workedMs
    this.#workedMs = { current: 0, past: past + Math.max(current, workedMs) }
  }

  /** True when the current thread has its handler, set up. */
  get loaded(): boolean {
    return this.#loaded
  }

  raise(bits: number): void {
    this.#control |= bits
    this.#current?.ledger.raise(bits)
  }

  clear(bits: number): void {
    this.#control &= ~bits
    this.#current?.ledger.clear(bits)
  }

  /** The thread starts no message any more, and is replaced when nothing is in flight in it. Only this one: the next one may. */
  holdBack(): void {
    this.#current?.ledger.raise(Control.recycle)
  }

  /** It was not to be. */
  letGoOn(): void {
    this.#current?.ledger.clear(Control.recycle)
    this.#current?.send({ type: 'go-on' })
  }

  extendLease(untilMs: number): void {
    this.#lease = { untilMs, aheadMs: wallAheadMs() }
    this.#current?.ledger.extendLease(untilMs, this.#lease.aheadMs)
  }

  /** Tells the thread what it gains and loses. Resolves with whether it has taken it in (false: it died meanwhile). */
  async hand(added: Handout | null, removedIds: readonly number[]): Promise<boolean> {
    const incarnation = this.#current
    if (incarnation === null) return false
    this.#note(added)
    if (removedIds.length > 0) {
      const { ledger } = incarnation
      ledger.raise(Control.revoked)
      // Only now: what has come back before that counts.
      this.#dropped += ledger.flights().filter(({ partitionId }) => removedIds.includes(partitionId)).length
    }
    return incarnation.request(assignment(added, removedIds)).then(
      () => incarnation === this.#current,
      () => false,
    )
  }

  /** Waits until no handler is in flight. Raise `Control.rebalance` or `Control.stop` before. */
  quiesce(timeoutMs: number): Promise<boolean> {
    return this.#quiet({ type: 'quiesce' }, timeoutMs, () => true)
  }

  /** Nothing of these partitions begins any more. Waits until none of their handlers is in flight. */
  revoke(partitionIds: readonly number[], timeoutMs: number): Promise<boolean> {
    return this.#quiet({ type: 'revoke', partitionIds }, timeoutMs, (id) => partitionIds.includes(id))
  }

  /**
   * Waits until no handler of these partitions is in flight any more that is now, also of what was taken from the thread
   * meanwhile. Nothing of them may begin. A thread that is dead handles nothing.
   *
   * @param partitions null for all of the topic
   */
  async still(topic: string, partitions: readonly number[] | null): Promise<void> {
    const given = this.#given.get(topic)
    const isGiven = given !== undefined && (partitions === null || partitions.some((partition) => given.has(partition)))
    if (!isGiven || !this.#loaded) return
    await this.#current?.request({ type: 'still', topic, partitions }).catch(() => {})
  }

  #note(handout: Handout | null): void {
    for (const { topic, partition } of handout?.added ?? []) {
      const given = this.#given.get(topic) ?? new Set()
      this.#given.set(topic, given.add(partition))
    }
  }

  async #quiet(request: ThreadRequest, timeoutMs: number, concerns: (partitionId: number) => boolean) {
    const incarnation = this.#current
    if (incarnation === null) return true
    let quiet = false
    const answered = incarnation.request(request).then(
      () => {
        quiet = true
      },
      () => {}, // it died
    )
    // One that has no handler yet has nothing in flight. It reads that before it begins.
    if (!this.#loaded) return true
    await within(answered, timeoutMs)
    // A thread that has no time to answer may be idle all the same.
    return quiet || !incarnation.ledger.flights().some(({ partitionId }) => concerns(partitionId))
  }

  goOn(): void {
    if ((this.#control & Control.rebalance) === 0) return
    this.clear(Control.rebalance)
    this.#current?.send({ type: 'go-on' })
  }

  /** It is not ended: the brokers may be away, which a replacement would not mend. */
  #connectingHangs({ slot, incarnation, clientId }: Incarnation): void {
    const { config, log } = this.#options
    log.warn(
      { slot, incarnation, clientId },
      `the thread has its handler, but no connection yet. Are the brokers away, or does something block the thread, such as ${config.handler} right after its import, or a module of option codecs or sasl?`,
    )
  }

  /** The ledger tells a `setup` that hangs from an import that does. */
  #loadingHangs({ ledger }: Incarnation): PoolError {
    const { config, loadTimeoutMs } = this.#options
    const { slot, handler } = config
    const isSetup = ledger.hook()?.name === 'setup'
    const what = isSetup ? `setup of the handler module ${handler} had not come back` : `${handler} was not loaded`
    const advice = `Look what it waits for${isSetup ? '' : ' while it is imported'}, or raise loadTimeoutMs`
    const message = `slot ${slot}: ${what} ${loadTimeoutMs / 1_000} s after the thread had booted. ${advice}`
    return new PoolError(isSetup ? ErrorCode.handlerSetupFailed : ErrorCode.startTimedOut, message, { slot })
  }

  /** Nothing but the handler's module runs in a thread before it is loaded. */
  #whileLoading(error: PoolError | null): PoolError | null {
    if (error === null || !DEATHS.includes(error.code)) return error
    const { slot, handler } = this.#options.config
    const message = `The handler module ${handler} could not be loaded, or set up: ${error.message}`
    return new PoolError(ErrorCode.handlerThrewOnImport, message, { slot, cause: error })
  }
}
