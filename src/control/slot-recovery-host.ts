import type { Logger } from 'pino'
import type { PoolError } from '../errors.js'
import { monotonicMs } from '../util/clock.js'
import { within } from '../util/within.js'
import type { SlotSeat } from './membership/slot-seat.js'
import type { SlotLife } from './slot-life.js'
import type { SlotOptions } from './slot-options.js'
import type { SlotSeatHost } from './slot-seat-host.js'
import type { SlotWork } from './slot-work.js'
import type { RecoveryHost } from './supervision/recovery.js'
import type { Crash } from './supervision/restarts.js'
import { hookLimits, sayGoodbye } from './threads/goodbye.js'
import type { Incarnations } from './threads/incarnations.js'

/** By how much longer than `maxProcessingMs` a handler may run before its thread is ended: see `HungHandlers`. */
const HANDLERS_END_MS = 10_000

export interface SlotRecoveryHostOptions extends Pick<SlotOptions, 'config' | 'settings' | 'onTrouble'> {
  readonly life: SlotLife
  readonly work: SlotWork
  readonly incarnations: Incarnations
  /** The one that the slot has now, or had last. */
  readonly seat: () => SlotSeat
  readonly seatHost: SlotSeatHost
  readonly log: Logger
}

/** What the recovery of a slot does with it: its thread is replaced, or it gives up its thread and its seat. */
export class SlotRecoveryHost implements RecoveryHost {
  readonly #options: SlotRecoveryHostOptions
  readonly #replaced = { crash: 0, recycle: 0 }
  #isFreeing = false

  constructor(options: SlotRecoveryHostOptions) {
    this.#options = options
  }

  /** How many threads were replaced so far, by what it was for. */
  get replaced(): { readonly crash: number; readonly recycle: number } {
    return this.#replaced
  }

  /** The thread that was recycled last is not gone yet, nor its memory free. One that does not die counts no more. */
  get isFreeing(): boolean {
    return this.#isFreeing
  }

  parked(error: PoolError): void {
    const { life } = this.#options
    life.enter('parked')
    life.wentWrong(error, true)
  }

  convicted(): void {
    this.#options.work.standstills.condemn(monotonicMs())
  }

  onTrouble(crash: Crash | null): void {
    this.#options.onTrouble(crash)
  }

  commit(): Promise<void> {
    return this.#options.work.commits.now()
  }

  isMember(): boolean {
    return this.#options.seat().membership.memberId !== ''
  }

  /** As Java's member that closes: what is the slot's still is revoked first; what others may have by now is lost. */
  async giveUpSeat(): Promise<void> {
    const { seatHost } = this.#options
    const seat = this.#options.seat()
    if (seat.isConfirmed) await seatHost.release()
    else seatHost.tellLost('the seat was given up while nothing confirmed the membership')
    await seat.leave(true)
    seatHost.loseAll()
  }

  sayGoodbye(retires: boolean): Promise<void> {
    const { incarnations, settings, log } = this.#options
    return sayGoodbye(incarnations, hookLimits(settings).teardown, log, { retires })
  }

  async holdBack() {
    const { config, settings, incarnations } = this.#options
    const { current } = incarnations
    if (current === null) return null
    incarnations.holdBack()
    // A handler that does not come back ends its thread before that.
    const quiet = await incarnations.quiesce(config.maxProcessingMs + HANDLERS_END_MS)
    if (!quiet || current !== incarnations.current) return null
    this.#isFreeing = true
    void current.exited
      .then(() => within(current.freed, settings.terminateTimeoutMs))
      .then(() => {
        this.#isFreeing = false
      })
    const { incarnation, clientId, ledger } = current
    const { counters, memory } = ledger
    return { incarnation, clientId, finished: counters.finished, memory }
  }

  letGoOn(): void {
    this.#options.incarnations.letGoOn()
  }

  replaceThread(why: 'crash' | 'recycle'): void {
    const { life, work, incarnations } = this.#options
    life.enter('restarting')
    this.#replaced[why] += 1
    incarnations.start(work.rehouse())
  }
}
