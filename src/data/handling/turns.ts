import { ErrorCode, PoolError } from '../../errors.js'
import type { Message } from '../../kafka/message.js'
import { asFetched } from '../../kafka/records/assigned-fields.js'
import type { ErrorData } from '../../protocol/error-data.js'
import type { DeadLetterReason } from '../../protocol/reports.js'
import { after } from '../../util/timers.js'
import type { BufferedBatch } from '../batch-buffer.js'
import type { Handler } from '../handler.js'
import type { FailedMessage, Partition } from '../partition.js'
import { type ContextFacts, MessageContext } from './context.js'
import type { Failures } from './failures.js'
import type { Gate } from './gate.js'
import { invoke } from './invoke.js'
import type { Journal } from './journal.js'

export interface TurnsOptions {
  readonly handler: Handler
  readonly facts: ContextFacts
  readonly gate: Gate
  readonly failures: Failures
  /** Where suspects are written down. @default nowhere */
  readonly journal?: Pick<Journal, 'begin' | 'end'> | null
  /** What has arrived of answers that are not complete, in bytes. */
  readonly arrivingBytes: () => number
  /** Some partitions' first messages are awaited. */
  readonly awaitsFirst: () => boolean
  /** The event loop shall go round often: somebody waits for what it brings. */
  readonly hurries: () => boolean
  /** A turn begins. */
  readonly onTurn: (nowMs: number) => void
  /** A turn is over, so the buffer may have more room. */
  readonly onRoom: (partition: Partition) => void
  /** The pause before the next attempt is over, or the dead letter is stored. */
  readonly onRetry: (partition: Partition) => void
  /** The message was given up: see {@link Turns.deadLettered}. */
  readonly onGivenUp: (given: GivenUp) => void
}

/** A message for the dead-letter topic. */
export interface GivenUp {
  readonly partition: Partition
  readonly message: Message
  readonly offset: number
  readonly attempts: number
  readonly thrown: unknown
  readonly reason: DeadLetterReason
}

/** A handler call that returned a promise. */
interface PendingCall {
  readonly result: PromiseLike<unknown>
  readonly context: MessageContext
  readonly batch: BufferedBatch
  readonly offset: number
  readonly message: Message
  readonly startedMs: number
}

/** How long messages are handled, by all turns together, before the event loop goes round. */
const SLICE_MS = 10
/**
 * The same while an answer is arriving, or is awaited with the first messages of a partition: a socket brings a part of it
 * each time, and the other side waits for that.
 */
const SHORT_SLICE_MS = 1
/** As long as each brings more of an answer, the event loop goes round so often in a row. */
const ARRIVING_ROUNDS = 16
/** For how long one partition's messages are handled before those of another one. */
const TURN_MS = 1

interface Turn {
  readonly endMs: number
  /** For how long the process had stood still when it began: no message of it begins after another freeze. */
  readonly stoodStillMs: number
  /** The last message that was finished. */
  done: Message | null
}

/** When a message was written, in ms since the epoch; NaN when nobody has said it. */
const timestampOf = (message: Message): number => {
  const timestamp: unknown = message.timestamp // which a handler may have assigned
  const ms = typeof timestamp === 'string' ? Number(timestamp) : Number.NaN
  return ms >= 0 ? ms : Number.NaN
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  value !== null &&
  (typeof value === 'object' || typeof value === 'function') &&
  typeof (value as { then?: unknown }).then === 'function'

/**
 * Calls the handler. A *turn* gives it the next messages of one partition, one at a time and in order, until the buffer
 * is empty, the time slice is over, or something forbids the next message. While the handler returns no promise this is
 * a bare loop that talks to the outside by atomics only.
 */
export class Turns {
  readonly #options: TurnsOptions
  readonly #whenBack: (() => void)[] = []
  #sliceEndMs = Number.NEGATIVE_INFINITY
  #nextSlice: Promise<void> | null = null
  #inFlight = 0

  constructor(options: TurnsOptions) {
    this.#options = options
  }

  /** @param alone whether nobody else's turn goes on meanwhile: then it is over with one message */
  async take(partition: Partition, row: number, alone = false): Promise<void> {
    // Again: whoever waited for the same slice and came first may have used it up.
    while (this.#options.facts.now() >= this.#sliceEndMs) await this.#slice()
    const nowMs = this.#options.facts.now()
    this.#options.onTurn(nowMs)
    partition.enter('running')
    const { ledger } = this.#options.facts
    const endMs = Math.min(this.#sliceEndMs, nowMs + TURN_MS)
    const turn: Turn = { endMs, stoodStillMs: ledger.stoodStillMs(nowMs), done: null }
    const burst = () => this.#burst(partition, row, turn, alone)
    for (let call = burst(); call !== null; call = burst()) {
      await this.#settle(call, partition, row, turn)
      if (alone || partition.handling !== 'running') break
    }
    if (turn.done !== null) this.#noteAge(turn.done)
    if (partition.handling === 'running') partition.enter('idle')
    this.#options.onRoom(partition)
  }

  /** Resolves when no handler is in flight. */
  quiet(): Promise<void> {
    return this.#until(() => this.#inFlight === 0)
  }

  /** Resolves when no handler of these partitions is in flight. */
  without(partitions: readonly Partition[]): Promise<void> {
    return this.#until(() => partitions.every(({ inFlight }) => !inFlight))
  }

  /**
   * Main has answered: the next message of the partition is stored in the dead-letter topic, so it is finished; or it is
   * not yet, and the partition stands still.
   */
  deadLettered(partition: Partition, isStored: boolean): void {
    const { failed, buffer } = partition
    const { head } = buffer
    if (partition.handling !== 'dead-lettering' || !this.#options.gate.counts(partition)) return
    if (head === undefined) throw new PoolError(ErrorCode.internal, `${partition.key} waits with an empty buffer`)
    if (!isStored) {
      partition.handBack(failed?.offset ?? head.nextOffset)
      return
    }
    if (failed === null)
      this.#finishBatch(partition, head) // the message was cut off the log meanwhile
    else {
      this.#passBehind(partition, head, failed.offset) // main counts it: it need not have found a thread to tell
      partition.failed = { ...failed, afterDeadLetter: true }
    }
    partition.enter('idle')
    this.#options.onRetry(partition)
  }

  /** Looks again each time that a handler has come back. */
  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#whenBack.push(resolve))
  }

  /** The event loop goes round, then the next slice begins: one for the thread, however many turns wait for it. */
  #slice(): Promise<void> {
    this.#nextSlice ??= new Promise((resolve) => {
      let arrivedBytes = 0
      let rounds = 0
      const begin = () => {
        const arrivingBytes = this.#options.arrivingBytes()
        if (arrivingBytes > arrivedBytes && ++rounds < ARRIVING_ROUNDS) {
          arrivedBytes = arrivingBytes
          setImmediate(begin)
          return
        }
        this.#nextSlice = null
        const isShort = arrivingBytes > 0 || this.#options.awaitsFirst() || this.#options.hurries()
        this.#sliceEndMs = this.#options.facts.now() + (isShort ? SHORT_SLICE_MS : SLICE_MS)
        resolve()
      }
      setImmediate(begin)
    })
    return this.#nextSlice
  }

  /** Returns null when the turn is over, or the call that has to be waited for. */
  #burst(partition: Partition, row: number, turn: Turn, alone: boolean): PendingCall | null {
    const { handler, facts, gate, journal = null } = this.#options
    const { endMs, stoodStillMs } = turn
    const { ledger } = facts
    const { handlers: times } = ledger.tally
    const { buffer } = partition
    /** When the last handler began whose time is not counted: the clock is read once for each message. */
    let begunMs = Number.NaN
    for (let batch = buffer.head; batch !== undefined; batch = buffer.head) {
      const message = batch.messages[buffer.cursor]
      const offset = batch.offsets[buffer.cursor]
      if (message === undefined || offset === undefined) {
        if (!gate.counts(partition)) break
        this.#finishBatch(partition, batch)
        continue
      }
      const nowMs = facts.now()
      if (begunMs <= nowMs) {
        times.count(nowMs - begunMs)
        begunMs = Number.NaN
      }
      if (nowMs >= endMs || !gate.mayBegin(partition, nowMs)) return null
      const attempt = partition.attemptAt(offset)
      if (attempt > 1) {
        const { failed } = partition
        if (failed?.convictedFor !== undefined) {
          this.#condemn(partition, message, failed, failed.convictedFor)
          return null
        }
        asFetched(message)
      }
      const context = new MessageContext(facts, partition, offset, attempt, nowMs, stoodStillMs)
      ledger.begin(row, partition.id, offset, attempt, nowMs)
      if (journal !== null) journal.begin(row, partition, offset, nowMs)
      let failure: { readonly thrown: unknown } | null = null
      try {
        const result = invoke(handler, message, context)
        if (result !== undefined && isThenable(result)) {
          partition.inFlight = true
          this.#inFlight++
          return { result, context, batch, offset, message, startedMs: nowMs }
        }
      } catch (thrown) {
        failure = { thrown }
      }
      context.end()
      begunMs = nowMs
      if (gate.counts(partition)) {
        if (failure === null) {
          this.#finish(partition, batch, offset)
          turn.done = message
        } else {
          turn.done = null // the time of this one would be that one's
          this.#fail(partition, batch, offset, failure.thrown)
        }
      }
      ledger.end(row)
      if (journal !== null) journal.end(row)
      if (alone || partition.handling !== 'running') break
    }
    if (begunMs >= 0) times.count(facts.now() - begunMs)
    return null
  }

  async #settle(call: PendingCall, partition: Partition, row: number, turn: Turn): Promise<void> {
    const { result, context, batch, offset, message, startedMs } = call
    const { facts, gate, journal } = this.#options
    let failure: { readonly thrown: unknown } | null = null
    try {
      await result
    } catch (thrown) {
      failure = { thrown }
    }
    facts.ledger.tally.handlers.count(facts.now() - startedMs)
    turn.done = null // what was finished before is older by now than it was
    context.end()
    partition.inFlight = false
    if (!gate.counts(partition)) {
      facts.log.debug({ partition: partition.key, offset }, 'result dropped: the partition was revoked meanwhile')
    } else if (failure === null) {
      this.#finish(partition, batch, offset)
      turn.done = message
    } else this.#fail(partition, batch, offset, failure.thrown)
    facts.ledger.end(row)
    journal?.end(row)
    this.#inFlight--
    if (this.#whenBack.length > 0) for (const resolve of this.#whenBack.splice(0)) resolve()
  }

  /** Only of the last message of a turn, which takes a millisecond or one handler: to read a timestamp takes as long as a message. */
  #noteAge(message: Message): void {
    const ageMs = Date.now() - timestampOf(message)
    if (!Number.isNaN(ageMs)) this.#options.facts.ledger.tally.ages.count(ageMs)
  }

  #finish(partition: Partition, batch: BufferedBatch, offset: number): void {
    this.#passBehind(partition, batch, offset)
    this.#options.facts.ledger.countFinished()
  }

  #passBehind(partition: Partition, batch: BufferedBatch, offset: number): void {
    const { buffer } = partition
    partition.failed = partition.convicted
    buffer.cursor++
    // More than that when the message in flight was cut off the log meanwhile.
    if (buffer.cursor >= batch.messages.length) this.#finishBatch(partition, batch)
    else partition.finish(offset + 1, batch.leaderEpoch)
  }

  /** Also passes over the records behind the last message that are not shown. */
  #finishBatch(partition: Partition, batch: BufferedBatch): void {
    partition.finish(batch.nextOffset, batch.leaderEpoch)
    partition.buffer.shift()
  }

  #fail(partition: Partition, batch: BufferedBatch, offset: number, thrown: unknown): void {
    const { gate, failures, facts, onRetry } = this.#options
    if (gate.stopping) {
      // It may have given up because of context.signal: that exhausts nothing. Whoever gets the partition begins anew.
      if (gate.givingUp) facts.ledger.countGivenUp()
      facts.log.debug({ partition: partition.key, offset, err: thrown }, 'failure dropped: the slot is stopping')
      partition.enter('idle')
      return
    }
    if (partition.buffer.cursor >= batch.messages.length) {
      // It was cut off the log while it was in flight: nobody will see it again.
      this.#finishBatch(partition, batch)
      return
    }
    const verdict = failures.judge(partition, offset, thrown)
    if (verdict.outcome === 'retry') {
      partition.failed = this.#failed(partition, offset)
      partition.enter('waiting')
      partition.retryAt(facts.now() + verdict.delayMs)
      partition.retryTimer = after(() => {
        partition.enter('idle')
        partition.retryAt(null)
        onRetry(partition)
      }, verdict.delayMs)
    } else if (verdict.outcome === 'dead-letter') {
      const message = batch.messages[partition.buffer.cursor] as Message
      const attempts = partition.attemptAt(offset)
      partition.awaitDeadLetter(offset) // before main hears of it, and writes behind it
      this.#options.onGivenUp({ partition, message, offset, attempts, thrown, reason: verdict.reason })
      partition.failed = this.#failed(partition, offset)
    } else if (verdict.outcome === 'skipped') this.#finish(partition, batch, offset)
    else partition.pauseAt(offset)
  }

  /** Its handling has killed threads, and nobody tries it any more. Main, which says so, knows why it stands still. */
  #condemn(partition: Partition, message: Message, { offset, attempts }: FailedMessage, thrown: ErrorData): void {
    const { failures, facts, onGivenUp } = this.#options
    if (!failures.hasDeadLetters) {
      partition.pauseAt(offset)
      return
    }
    facts.ledger.countFailed()
    partition.convicted = null
    partition.awaitDeadLetter(offset) // before main hears of it, and writes behind it
    onGivenUp({ partition, message, offset, attempts, thrown, reason: 'killed' })
  }

  #failed(partition: Partition, offset: number): FailedMessage {
    const { failed } = partition
    const attempts = partition.attemptAt(offset)
    return { offset, attempts, wasExhausted: false, afterDeadLetter: failed?.afterDeadLetter ?? false }
  }
}
