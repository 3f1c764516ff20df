import type { Logger } from 'pino'
import { deadLetterTopic } from '../../config/dead-letter-topic.js'
import type { DeadLetterConfig, SlotConfig } from '../../config/resolved.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import type { RawMessage } from '../../kafka/raw-message.js'
import { fromErrorData } from '../../protocol/error-data.js'
import type { FromThread, ToThread } from '../../protocol/messages.js'
import { monotonicMs } from '../../util/clock.js'
import { Episode } from '../../util/episode.js'
import { partitionName } from '../../util/partition-name.js'
import { within } from '../../util/within.js'
import { finishedUpTo, type Holding, type Holdings } from '../holdings.js'
import { isDueForLetter, type Pause, pauseAfter, tried } from '../pauses.js'
import type { SlotReporter } from '../slot-reporter.js'
import { countInARow, type Row } from './breaker.js'
import type { LetterFacts } from './letter.js'
import { breakerTripped, notStored } from './not-stored.js'
import type { DeadLetter, DeadLetterStore, StoredAt } from './store.js'

export interface DeadLettersOptions {
  readonly config: SlotConfig
  readonly holdings: Pick<Holdings, 'byId'>
  readonly store: DeadLetterStore
  /** Tells the slot's thread. */
  readonly send: (message: ToThread) => void
  readonly report: Pick<SlotReporter, 'paused' | 'resumed' | 'deadLettered'>
  readonly log: Logger
}

/** What has to be stored before its partition goes on. */
interface Pending {
  readonly letter: DeadLetter
  readonly holding: Holding
  /** Of the dead letters of its partition, counting this one. */
  readonly inARow: number
  readonly episode: Episode
  attempt: Promise<void> | null
  /** When that began. */
  begunMs: number
}

/** An attempt that has no answer for so long is told of like one that failed; it may succeed still. */
const SLOW_MS = 10_000

/** How long a letter that could not be stored waits. */
const WAIT = { initialPauseMs: 1_000, maxPauseMs: 60_000 } as const

/**
 * Stores the messages that one slot has given up in their dead-letter topic; only then they are finished.
 *
 * ```
 * thread: given up, waits ─► stored at once: finished on the page, the thread goes on with what it has buffered
 *                        └─► not stored: the thread lets go of the partition, which no thread has from then on (`away`);
 *                            tried again until it is stored, then the partition is handed out behind the message
 * ```
 *
 * So nothing depends on the thread that asked: it may die meanwhile, the letter goes on and is not written twice, and the
 * next thread never sees its message. What is not held any more is let go: whoever has it now does it again.
 */
export class DeadLetters {
  readonly #options: DeadLettersOptions
  readonly #pending = new Map<Holding, Pending>()
  readonly #rows = new WeakMap<Holding, Row>()
  #total = 0
  #closed = false

  constructor(options: DeadLettersOptions) {
    this.#options = options
  }

  /** How many were stored since the pool started. */
  get total(): number {
    return this.#total
  }

  /** Whether one is on its way from there. */
  isPending(holding: Holding): boolean {
    return (this.#pending.get(holding)?.attempt ?? null) !== null
  }

  /** A thread has given up a message of a partition that the slot still holds. */
  heard(
    { message, offset, attempt: attempts, reason, error, follows }: Extract<FromThread, { type: 'dead-letter' }>,
    holding: Holding,
  ): void {
    this.put(holding, message, { offset, attempts, reason, error }, follows)
  }

  /**
   * The next message of a partition goes to its dead-letter topic, unless too many before it have.
   *
   * @param follows whether it is certain that nothing was finished since the last one
   */
  put(
    holding: Holding,
    message: RawMessage,
    said: Pick<LetterFacts, 'offset' | 'attempts' | 'reason' | 'error'>,
    follows: boolean,
  ): void {
    const { deadLetter, consumer } = this.#options.config
    if (this.#closed || deadLetter === null || this.#pending.has(holding)) return
    const { topic, partition } = holding
    const facts = { ...said, topic, partition, groupId: consumer.groupId }
    const to = { topic: deadLetterTopic(deadLetter.topic, topic), partition: deadLetter.partition }
    const letter: DeadLetter = { message, facts, ...to }
    const inARow = countInARow(this.#rows.get(holding) ?? null, follows, finishedUpTo(holding))
    if (inARow > deadLetter.breaker) {
      this.#trip(holding, letter, deadLetter)
      return
    }
    holding.deadLetter = { offset: said.offset }
    const pending: Pending = { letter, holding, inARow, episode: new Episode(), attempt: null, begunMs: 0 }
    this.#pending.set(holding, pending)
    this.#begin(pending)
  }

  /** Looks whose turn it is to be tried again. Call it about once a second. */
  look(nowMs: number): void {
    for (const pending of this.#pending.values()) {
      const { holding, attempt, begunMs } = pending
      if (!this.#isHeld(pending)) this.#pending.delete(holding)
      else if (attempt === null && isDueForLetter(holding.paused, nowMs)) this.#begin(pending)
      else if (attempt !== null && holding.paused === null && nowMs - begunMs > SLOW_MS) this.#slow(pending, nowMs)
    }
  }

  /**
   * Waits for what is being written just now. Never rejects.
   *
   * @param waitMs no longer than that
   * @param oldMs nor for what has been written for so long by then
   */
  async settled(waitMs: number, oldMs = Number.POSITIVE_INFINITY): Promise<void> {
    const nowMs = monotonicMs()
    await Promise.all(
      [...this.#pending.values()].map(({ attempt, begunMs }) => {
        const leftMs = Math.min(waitMs, begunMs + oldMs - nowMs)
        return attempt !== null && leftMs > 0 && within(attempt, leftMs)
      }),
    )
  }

  /** Nothing is tried any more; what is being written may still succeed. */
  close(): void {
    this.#closed = true
    for (const pending of this.#pending.values()) if (pending.attempt === null) this.#leftOver(pending)
  }

  #leftOver({ letter }: Pending): void {
    const { topic, partition, offset } = letter.facts
    const name = partitionName({ topic, partition })
    this.#options.log.warn(
      { topic, partition, offset },
      `the dead letter of ${name}@${offset} is not stored: its message is handled again at the next start`,
    )
  }

  #begin(pending: Pending): void {
    if (this.#closed) return
    const { holding } = pending
    if (holding.paused?.reason === 'dead-letter') holding.paused = tried(holding.paused)
    pending.begunMs = monotonicMs()
    pending.attempt = this.#options.store
      .store(pending.letter)
      .then(
        (at) => this.#stored(pending, at),
        (cause: unknown) => this.#failed(pending, cause),
      )
      .finally(() => {
        pending.attempt = null
      })
  }

  #stored(pending: Pending, at: StoredAt): void {
    const { holding, letter, inARow } = pending
    const { report, log } = this.#options
    if (!this.#isHeld(pending)) {
      this.#pending.delete(holding)
      const { topic, partition, offset } = letter.facts
      log.debug({ topic, partition, offset, at }, 'dead letter stored, but the partition is no longer held here')
      return
    }
    const offset = BigInt(letter.facts.offset)
    // Before the thread hears of it, and goes on: from then on only the thread writes there.
    holding.page.finishAt(holding.index, offset)
    this.#rows.set(holding, { count: inARow, upTo: finishedUpTo(holding) })
    this.#leave(pending, 'stored')
    this.#total += 1
    report.deadLettered(holding, letter.facts, at)
    const { paused } = holding
    if (paused?.reason !== 'dead-letter') return
    // Wherever the partition stands: its thread may have gone back to before the message.
    holding.paused = null
    report.resumed(holding, paused, monotonicMs())
  }

  #failed(pending: Pending, cause: unknown): void {
    const { holding, letter, episode } = pending
    if (!this.#isHeld(pending)) {
      this.#pending.delete(holding)
      return
    }
    if (this.#closed) {
      this.#leftOver(pending)
      return
    }
    const nowMs = monotonicMs()
    const isTold = holding.paused?.reason === 'dead-letter'
    const pause = this.#pauseOf(pending, cause, nowMs)
    holding.paused = pause
    if (!isTold) this.#tell(pending, pause, nowMs)
    else if (episode.happened(nowMs) !== null) {
      const { offset } = letter.facts
      const where = { topic: holding.topic, partition: holding.partition, offset, tries: pause.retries + 1 }
      const what = `${partitionName(holding)} still waits for its dead letter at offset ${offset}`
      this.#options.log.error({ err: pause.error, ...where }, what)
    }
  }

  /** No answer yet: whoever looks shall not take it for a partition that moves. */
  #slow(pending: Pending, nowMs: number): void {
    const cause = new KafkaError('REQUEST_TIMED_OUT', -1, true, `no answer after ${SLOW_MS / 1_000} s, still waiting`)
    const pause = this.#pauseOf(pending, cause, nowMs)
    pending.holding.paused = tried(pause)
    this.#tell(pending, pause, nowMs)
  }

  #pauseOf({ letter, holding }: Pending, cause: unknown, nowMs: number): Pause {
    const { offset, attempts } = letter.facts
    const error = notStored(letter, this.#options.config.slot, cause)
    const standstill = { reason: 'dead-letter', offset, attempts, error } as const
    return pauseAfter(holding.paused, standstill, WAIT, nowMs, Math.random())
  }

  /** From now on no thread has the partition, until the letter is stored. */
  #tell({ holding, episode }: Pending, pause: Pause, nowMs: number): void {
    episode.happened(nowMs)
    if (!holding.away) this.#takeBack(holding)
    this.#options.report.paused(holding, pause, nowMs)
  }

  /** Its message is neither stored nor finished: when the partition goes on it is tried once more. */
  #trip(holding: Holding, letter: DeadLetter, { breaker, resumeAfterMs }: DeadLetterConfig): void {
    const { config, report } = this.#options
    const nowMs = monotonicMs()
    const { offset, attempts, error: thrown } = letter.facts
    const error = breakerTripped(letter, config.slot, breaker, fromErrorData(thrown))
    const retryAtMs = nowMs + (resumeAfterMs ?? Number.POSITIVE_INFINITY)
    holding.paused = { reason: 'breaker', offset, attempts, error, retries: 0, sinceMs: nowMs, retryAtMs }
    this.#rows.delete(holding)
    this.#takeBack(holding)
    report.paused(holding, holding.paused, nowMs)
  }

  /** The partition waits for it no longer. If no thread has it, it is handed out anew. */
  #leave({ holding }: Pending, outcome: 'stored'): void {
    this.#pending.delete(holding)
    holding.deadLetter = null
    if (!holding.away) this.#send(holding, outcome)
  }

  /** Whatever its thread says of it before it hears that is of no account. */
  #takeBack(holding: Holding): void {
    this.#send(holding, 'standstill')
    holding.away = true
  }

  #send({ id: partitionId }: Holding, outcome: 'stored' | 'standstill'): void {
    this.#options.send({ type: 'dead-letter', partitionId, outcome })
  }

  #isHeld({ holding }: Pending): boolean {
    return this.#options.holdings.byId(holding.id) === holding
  }
}
