import type { Logger } from 'pino'
import { Control, type Ledger } from '../../protocol/ledger.js'
import { wallAheadMs } from '../../util/clock.js'
import { after } from '../../util/timers.js'
import type { Partition } from '../partition.js'
import type { Partitions } from '../partitions.js'

export interface GateOptions {
  readonly ledger: Ledger
  readonly partitions: Partitions
  readonly log: Logger
  readonly now: () => number
  /** @default {@link wallAheadMs} */
  readonly wallAhead?: () => number
  /** The slot is no member: its lease begins once the coordinator has stored where it begins, and does not end. @default false */
  readonly isFixed?: boolean
  /** Messages may begin again, after the lease had run out or the gate was held. */
  readonly onReopen: () => void
}

/** With any of these no message starts, whatever its partition. */
const HALTS = Control.rebalance | Control.stop | Control.recycle | Control.brimful

const LEASE_POLL_MS = 50

/**
 * How often the wall clock is looked at, in ms of the monotonic one. A look before every message would cost more than an
 * empty handler; so after the machine was suspended in the midst of work, messages may begin for so long.
 */
const WALL_LOOK_MS = 10

/**
 * Decides before each message whether it may begin, from shared memory alone: main's word holds within one message even
 * while the event loop does not go round.
 */
export class Gate {
  readonly #options: GateOptions
  #leaseTimer: NodeJS.Timeout | undefined
  #closed = false
  #held = false
  #sleptMs = 0
  #wallDueMs = Number.NEGATIVE_INFINITY

  constructor(options: GateOptions) {
    this.#options = options
  }

  /** False while nothing may begin, whatever the partition. */
  get open(): boolean {
    return !this.#closed && !this.#held && this.#leaseTimer === undefined && !this.#halted
  }

  /** Main wants the slot to stop. */
  get stopping(): boolean {
    return this.#closed || (this.#options.ledger.control & Control.stop) !== 0
  }

  /** Main wants the slot to stop, and handlers to come to their end now. */
  get givingUp(): boolean {
    return (this.#options.ledger.control & Control.giveUp) !== 0
  }

  /** Whether the next message of this partition may begin now. */
  mayBegin(partition: Partition, nowMs: number): boolean {
    if (this.#closed || this.#held || partition.closing) return false
    if (this.#options.ledger.control !== 0 && (this.#halted || !this.counts(partition))) return false
    if (this.#holdsLease(nowMs)) return true
    this.#awaitLease()
    return false
  }

  /** Whether what happens to this partition still counts, that is, whether it is still ours. */
  counts(partition: Partition): boolean {
    const { ledger, partitions } = this.#options
    if ((ledger.control & Control.revoked) !== 0) {
      // The bit first, the flags after it: a flag that main raises in between brings the bit up again.
      ledger.clear(Control.revoked)
      partitions.dropRevoked()
    }
    return !partition.dropped
  }

  /** Nothing begins until it is released. */
  hold(): void {
    this.#held = true
  }

  release(): void {
    if (!this.#held) return
    this.#held = false
    this.#options.onReopen()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#leaseTimer)
  }

  get #halted(): boolean {
    return (this.#options.ledger.control & HALTS) !== 0
  }

  /** The lease ends by the monotonic clock, and earlier by what of it the machine has slept through. */
  #holdsLease(nowMs: number): boolean {
    const { ledger, wallAhead = wallAheadMs } = this.#options
    if (nowMs >= this.#wallDueMs) {
      this.#wallDueMs = nowMs + WALL_LOOK_MS
      this.#sleptMs = ledger.sleptMs(wallAhead())
    }
    return ledger.leaseLeftMs(nowMs) > this.#sleptMs
  }

  #awaitLease(): void {
    if (this.#leaseTimer !== undefined) return
    const { log, now, onReopen, isFixed = false } = this.#options
    if (isFixed) log.debug('no message begins before the coordinator has stored where the slot begins')
    else log.warn('no message begins: the membership may have expired, since the seat got no heartbeat through in time')
    const look = () => {
      if (!this.#holdsLease(now())) {
        this.#leaseTimer = after(look, LEASE_POLL_MS)
        return
      }
      this.#leaseTimer = undefined
      log[isFixed ? 'debug' : 'info'](isFixed ? 'that is stored' : 'the membership is confirmed again; going on')
      onReopen()
    }
    this.#leaseTimer = after(look, LEASE_POLL_MS)
  }
}
