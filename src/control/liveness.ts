import type { Logger } from 'pino'
import type { SlotConfig } from '../config/resolved.js'
import { ErrorCode, PoolError } from '../errors.js'
import type { Flight, Ledger } from '../protocol/ledger.js'
import { monotonicMs } from '../util/clock.js'
import { every, LONGEST_TIMER_MS } from '../util/timers.js'

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)

/** How often the ledgers are looked at. */
export const pollIntervalMs = (maxProcessingMs: number): number => clamp(maxProcessingMs / 4, 20, 1_000)

/** How long a handler has to come back after its `context.signal` was aborted at `maxProcessingMs`. */
export const graceMs = (maxProcessingMs: number): number => clamp(maxProcessingMs / 10, 50, 5_000)

/** The ledger cannot tell longer times from negative ones; and it is looked at in time before that. */
const LONGEST_RUN_MS = LONGEST_TIMER_MS - 10_000

/** The handlers that have run longer than they may, grace included. */
export const findHung = (flights: readonly Flight[], maxProcessingMs: number, grace: number): Flight[] =>
  flights.filter(({ runningMs }) => runningMs > Math.min(maxProcessingMs + grace, LONGEST_RUN_MS))

/** What the watch needs to know of a slot. */
export interface WatchedSlot {
  readonly config: Pick<SlotConfig, 'slot' | 'maxProcessingMs'>
  /** The thread that fills the slot now. */
  readonly thread: { readonly ledger: Pick<Ledger, 'flights'>; readonly incarnation: number } | null
  /** Ends that thread. */
  endThread(why: PoolError): void
}

export interface LivenessOptions {
  readonly slots: readonly WatchedSlot[]
  readonly log: Logger
}

/**
 * Ends the threads of handlers that do not come back. A thread that a handler blocks cannot be asked how it is, so this
 * reads the ledgers, with one timer for the whole pool. Each flight is reported once.
 */
export class Liveness {
  readonly #options: LivenessOptions
  readonly #timer: NodeJS.Timeout
  readonly #reported = new WeakMap<object, Set<string>>()

  constructor(options: LivenessOptions) {
    this.#options = options
    const shortestMs = Math.min(...options.slots.map(({ config }) => config.maxProcessingMs))
    this.#timer = every(() => this.look(monotonicMs()), pollIntervalMs(shortestMs)).unref()
  }

  /** Looks at every slot; the timer does it. */
  look(nowMs: number): void {
    for (const slot of this.#options.slots) this.#lookAt(slot, nowMs)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #lookAt(slot: WatchedSlot, nowMs: number): void {
    const { thread } = slot
    if (thread === null) return
    const { maxProcessingMs, slot: number } = slot.config
    const hung = findHung(thread.ledger.flights(nowMs), maxProcessingMs, graceMs(maxProcessingMs))
    const reported = this.#reported.get(thread.ledger)
    const fresh = hung.filter((flight) => reported?.has(flightKey(flight)) !== true)
    this.#reported.set(thread.ledger, new Set(hung.map(flightKey)))
    const [first] = fresh
    if (first === undefined) return
    const { offset, runningMs } = first
    const message = `slot ${number}: a handler has not come back from offset ${offset} for ${Math.round(runningMs)} ms (maxProcessingMs is ${maxProcessingMs}), so its thread is replaced and the message is handled again. Let the handler look at context.signal or context.cancelled, or raise maxProcessingMs`
    const error = new PoolError(ErrorCode.handlerHung, message, { slot: number, offset: String(offset) })
    this.#options.log.warn({ slot: number, incarnation: thread.incarnation, hung: fresh.map(plain) }, 'handler hung')
    slot.endThread(error)
  }
}

const flightKey = ({ partitionId, offset, attempt }: Flight): string => `${partitionId}@${offset}#${attempt}`

const plain = ({ offset, ...flight }: Flight) => ({ ...flight, offset: String(offset) })
