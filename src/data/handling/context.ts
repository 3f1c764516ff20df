import type { Logger } from 'pino'
import { Control, type Ledger } from '../../protocol/ledger.js'
import { every } from '../../util/timers.js'
import { type AbortCode, AbortError, type HandlerContext } from '../handler.js'
import type { Partition } from '../partition.js'

/** What all contexts of one incarnation have in common. */
export interface ContextFacts {
  readonly slot: number
  readonly incarnation: number
  readonly clientId: string
  readonly maxProcessingMs: number
  readonly ledger: Ledger
  readonly log: Logger
  /** Monotonic. */
  readonly now: () => number
}

const SIGNAL_POLL_MS = 25

/** The {@link HandlerContext} of one handler call. What costs something is made when it is asked for. */
export class MessageContext implements HandlerContext {
  readonly attempt: number
  readonly #facts: ContextFacts
  readonly #partition: Partition
  readonly #offset: number
  readonly #startedMs: number
  readonly #stoodStillMs: number
  #ended = false
  #log: Logger | undefined
  #controller: AbortController | undefined
  #poll: NodeJS.Timeout | undefined

  /** @param stoodStillMs for how long the process had stood still by then, see {@link Ledger.stoodStillMs} */
  constructor(
    facts: ContextFacts,
    partition: Partition,
    offset: number,
    attempt: number,
    startedMs: number,
    stoodStillMs: number,
  ) {
    this.#facts = facts
    this.#partition = partition
    this.#offset = offset
    this.attempt = attempt
    this.#startedMs = startedMs
    this.#stoodStillMs = stoodStillMs
  }

  get slot(): number {
    return this.#facts.slot
  }

  get incarnation(): number {
    return this.#facts.incarnation
  }

  get clientId(): string {
    return this.#facts.clientId
  }

  get log(): Logger {
    const { topic, partition } = this.#partition
    this.#log ??= this.#facts.log.child({ topic, partition, offset: String(this.#offset) })
    return this.#log
  }

  get cancelled(): boolean {
    return this.#abortCode() !== null
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (!this.#abortIfCancelled() && !this.#ended) {
        this.#poll = every(() => this.#abortIfCancelled(), SIGNAL_POLL_MS).unref()
      }
    }
    return this.#controller.signal
  }

  /** The call is over: the signal will not change any more. */
  end(): void {
    this.#ended = true
    if (this.#poll !== undefined) clearInterval(this.#poll)
  }

  #abortIfCancelled(): boolean {
    const code = this.#ended ? null : this.#abortCode()
    if (code === null) return false
    clearInterval(this.#poll)
    this.#controller?.abort(this.#reason(code))
    return true
  }

  #abortCode(): AbortCode | null {
    const { ledger, now, maxProcessingMs } = this.#facts
    if (this.#partition.revoked) return 'REVOKED'
    if ((ledger.control & Control.giveUp) !== 0) return 'STOPPING'
    const nowMs = now()
    if (nowMs - this.#startedMs <= maxProcessingMs) return null
    const stoodStillMs = ledger.stoodStillMs(nowMs) - this.#stoodStillMs
    return nowMs - this.#startedMs - stoodStillMs > maxProcessingMs ? 'DEADLINE' : null
  }

  #reason(code: AbortCode): AbortError {
    const message = {
      REVOKED:
        'the partition was taken away, by a rebalance or by pool.seek(), so what comes of this message does not count',
      STOPPING: 'the slot stops, and the time for that is nearly over',
      DEADLINE: `the handler has run for longer than maxProcessingMs (${this.#facts.maxProcessingMs} ms)`,
    }[code]
    return new AbortError(code, `Give up ${this.#partition.key}@${this.#offset}: ${message}`)
  }
}
