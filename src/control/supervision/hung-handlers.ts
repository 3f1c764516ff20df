import type { Logger } from 'pino'
import type { SlotConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import { type Flight, type HookName, type Ledger, LONGEST_LOOK_MS, type RunningHook } from '../../protocol/ledger.js'
import { frozenMs, monotonicMs } from '../../util/clock.js'
import { every, LONGEST_TIMER_MS } from '../../util/timers.js'

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high)

/** How often the ledgers are looked at. */
export const pollIntervalMs = (maxProcessingMs: number): number => clamp(maxProcessingMs / 4, 20, LONGEST_LOOK_MS)

/** How long a handler has to come back after its `context.signal` was aborted at `maxProcessingMs`. */
export const graceMs = (maxProcessingMs: number): number => clamp(maxProcessingMs / 10, 50, 5_000)

/** How late the thread's own timer may be, which ends the wait for a hook that does not block the thread. */
const hookGraceMs = (limitMs: number): number => Math.max(graceMs(limitMs), 1_000)

/** The ledger cannot tell longer times from negative ones; and it is looked at in time before that. */
const LONGEST_RUN_MS = LONGEST_TIMER_MS - 10_000

/** For each thing that runs in a thread a time in ms. */
type Times = ReadonlyMap<string, number>

/**
 * For how long what runs now has stood still by now, when all has for another `frozenMs`. What has begun since the last look
 * cannot have for longer than it runs.
 */
export const stoodStill = (running: Times, before: Times, frozenMs: number): Times =>
  new Map([...running].map(([key, ms]) => [key, (before.get(key) ?? 0) + Math.min(frozenMs, Math.max(ms, 0))]))

/** The handlers that have run longer than they may, grace included. */
export const findHung = (flights: readonly Flight[], maxProcessingMs: number, grace: number): Flight[] =>
  flights.filter(({ runningMs }) => runningMs > Math.min(maxProcessingMs + grace, LONGEST_RUN_MS))

/** Whether `setup` or `teardown` has run for longer than it may, grace included. */
const isHookHung = ({ runningMs }: RunningHook, limitMs: number): boolean =>
  runningMs > Math.min(limitMs + hookGraceMs(limitMs), LONGEST_RUN_MS)

/** The option that limits a hook. */
const LIMIT_OF = { setup: 'loadTimeoutMs', teardown: 'drainTimeoutMs' } as const satisfies Record<HookName, string>

type WatchedLedger = Pick<Ledger, 'flights' | 'hook' | 'looked'>

interface WatchedIncarnation {
  readonly ledger: WatchedLedger
  readonly incarnation: number
}

/** What the watch needs to know of a slot. */
export interface WatchedSlot {
  readonly config: Pick<SlotConfig, 'slot' | 'maxProcessingMs' | 'handler'>
  /** How long `setup` and `teardown` of the handler's module may take. */
  readonly hookLimitsMs: Readonly<Record<HookName, number>>
  /** Of the thread that fills the slot now. */
  readonly incarnation: WatchedIncarnation | null
  /** Ends its thread. */
  endThread(why: PoolError): void
}

export interface HungHandlersOptions {
  /** They may come and go. */
  readonly slots: readonly WatchedSlot[]
  readonly log: Logger
}

/**
 * Ends the threads of handlers that do not come back, and of a `setup` or `teardown` that blocks its thread. Such a thread
 * cannot be asked how it is, so this reads the ledgers, with one timer for the whole pool. Each flight and each thread
 * that a hook blocks is reported once. A process that wakes up ends no thread, and aborts no signal, for the time in which it was frozen.
 */
export class HungHandlers {
  readonly #options: HungHandlersOptions
  #intervalMs: number
  #timer: NodeJS.Timeout
  #dueMs: number
  readonly #stoodStill = new WeakMap<object, Times>()
  readonly #reported = new WeakMap<object, Set<string>>()
  readonly #blocked = new WeakSet<object>()

  constructor(options: HungHandlersOptions) {
    this.#options = options
    this.#intervalMs = this.#wantedMs
    this.#dueMs = monotonicMs() + this.#intervalMs
    this.#timer = this.#newTimer()
  }

  /** Looks at every slot; the timer does it. */
  look(nowMs: number): void {
    const frozen = frozenMs(nowMs - this.#dueMs)
    if (this.#intervalMs !== this.#wantedMs) {
      this.#intervalMs = this.#wantedMs
      clearInterval(this.#timer)
      this.#timer = this.#newTimer()
    }
    this.#dueMs = nowMs + this.#intervalMs
    for (const slot of this.#options.slots) this.#lookAt(slot, nowMs, frozen)
  }

  close(): void {
    clearInterval(this.#timer)
  }

  get #wantedMs(): number {
    return pollIntervalMs(Math.min(...this.#options.slots.map(({ config }) => config.maxProcessingMs)))
  }

  #newTimer(): NodeJS.Timeout {
    return every(() => this.look(monotonicMs()), this.#intervalMs).unref()
  }

  #lookAt(slot: WatchedSlot, nowMs: number, frozen: number): void {
    const { incarnation } = slot
    if (incarnation === null) return
    incarnation.ledger.looked(frozen, this.#dueMs)
    const { flights, hook } = this.#running(incarnation.ledger, nowMs, frozen)
    if (hook !== null) this.#lookAtHook(slot, incarnation, hook)
    const { maxProcessingMs, slot: number } = slot.config
    const hung = findHung(flights, maxProcessingMs, graceMs(maxProcessingMs))
    const reported = this.#reported.get(incarnation.ledger)
    const fresh = hung.filter((flight) => reported?.has(keyOf(flight)) !== true)
    this.#reported.set(incarnation.ledger, new Set(hung.map(keyOf)))
    const [first] = fresh
    if (first === undefined) return
    const { offset, runningMs } = first
    const message = `slot ${number}: a handler has not come back from offset ${offset} for ${Math.round(runningMs)} ms (maxProcessingMs is ${maxProcessingMs}), so its thread is replaced and the message is handled again. Let the handler look at context.signal or context.cancelled, or raise maxProcessingMs`
    const error = new PoolError(ErrorCode.handlerHung, message, { slot: number, offset: String(offset) })
    this.#options.log.warn(
      { slot: number, incarnation: incarnation.incarnation, hung: fresh.map(plain) },
      'handler hung: its thread is ended',
    )
    slot.endThread(error)
  }

  /** What runs in a thread, without the time in which it stood still with the process. */
  #running(ledger: WatchedLedger, nowMs: number, frozen: number) {
    const flights = ledger.flights(nowMs)
    const hook = ledger.hook(nowMs)
    const running = [...flights, ...(hook === null ? [] : [hook])]
    const times = new Map(running.map((each) => [keyOf(each), each.runningMs]))
    const still = stoodStill(times, this.#stoodStill.get(ledger) ?? new Map(), frozen)
    this.#stoodStill.set(ledger, still)
    const awake = <T extends Flight | RunningHook>(each: T): T => ({
      ...each,
      runningMs: each.runningMs - (still.get(keyOf(each)) ?? 0),
    })
    return { flights: flights.map(awake), hook: hook === null ? null : awake(hook) }
  }

  #lookAtHook(slot: WatchedSlot, { ledger, incarnation }: WatchedIncarnation, hook: RunningHook): void {
    const { config, hookLimitsMs } = slot
    if (!isHookHung(hook, hookLimitsMs[hook.name]) || this.#blocked.has(ledger)) return
    this.#blocked.add(ledger)
    const { slot: number, handler } = config
    const limit = `${hookLimitsMs[hook.name] / 1_000} s`
    const message = `slot ${number}: ${hook.name} of the handler module ${handler} had not come back after ${limit} and blocks its thread, which is replaced. Let it wait asynchronously and for a limited time, or raise ${LIMIT_OF[hook.name]}`
    this.#options.log.warn({ slot: number, incarnation, hook }, 'setup or teardown hung: its thread is ended')
    slot.endThread(new PoolError(ErrorCode.handlerSetupFailed, message, { slot: number }))
  }
}

const keyOf = (running: Flight | RunningHook): string =>
  'name' in running ? running.name : `${running.partitionId}@${running.offset}#${running.attempt}`

const plain = ({ offset, ...flight }: Flight) => ({ ...flight, offset: String(offset) })
