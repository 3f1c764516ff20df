import type { MessageBatch } from '../kafka/fetch.js'
import type { Message } from '../kafka/message.js'
import { NO_EPOCH } from '../kafka/metadata.js'

/** A fetched batch that waits to be handled. */
export interface BufferedBatch {
  messages: readonly Message[]
  offsets: readonly number[]
  readonly bytes: number
  readonly receivedBytes: number
  /** What may be committed when the last message is finished. */
  nextOffset: number
  /** Leader epoch that belongs to `nextOffset`; NO_EPOCH when it is not known. */
  leaderEpoch: number
  /** What is fetched goes on elsewhere behind it: the log may not have its messages any more. */
  movedOn?: boolean
}

/** What has been fetched of one partition and not yet been handled. */
export class BatchBuffer {
  /** Index of the next message within `head`. */
  cursor = 0
  readonly #batches: BufferedBatch[] = []
  #bytes = 0
  #receivedBytes = 0
  #passedBytes = 0

  get head(): BufferedBatch | undefined {
    return this.#batches[0]
  }

  get empty(): boolean {
    return this.#batches.length === 0
  }

  /** Memory that is held, in bytes; a batch counts whole until its last message is finished. */
  get bytes(): number {
    return this.#bytes
  }

  /** What lies behind the next message, in bytes as they were received. */
  get waitingBytes(): number {
    return this.#receivedBytes - this.#headBytes(this.cursor + 1)
  }

  /** What has left the buffer since ever, in bytes as they were received. */
  get handledBytes(): number {
    return this.#passedBytes + this.#headBytes(this.cursor)
  }

  push({ messages, offsets, bytes, receivedBytes, nextOffset, leaderEpoch = NO_EPOCH }: MessageBatch): void {
    const last = this.#batches.at(-1)
    if (messages.length > 0) {
      this.#batches.push({ messages, offsets, bytes, receivedBytes, nextOffset, leaderEpoch })
      this.#bytes += bytes
      this.#receivedBytes += receivedBytes
    } else if (last === undefined || wouldLoseEpoch(last, leaderEpoch)) {
      this.#batches.push({ messages, offsets, bytes: 0, receivedBytes: 0, nextOffset, leaderEpoch })
    } else {
      // Nothing to show (aborted transactions, control records): any number of these costs no memory.
      last.nextOffset = nextOffset
      last.leaderEpoch = leaderEpoch
    }
  }

  /** The first batch is done with. */
  shift(): void {
    const { bytes = 0, receivedBytes = 0 } = this.#batches.shift() ?? {}
    this.#bytes -= bytes
    this.#receivedBytes -= receivedBytes
    this.#passedBytes += receivedBytes
    this.cursor = 0
  }

  /**
   * Forgets the messages from `offset` on, which the leader's log does not have any more. The first batch stays, as its
   * next message may be in flight: nothing comes behind it then but `offset` itself.
   */
  cutOff(offset: number): void {
    for (const batch of this.#batches) {
      const kept = batch.offsets.findIndex((each) => each >= offset)
      if (kept !== -1) {
        batch.messages = batch.messages.slice(0, kept)
        batch.offsets = batch.offsets.slice(0, kept)
      }
      batch.nextOffset = Math.min(batch.nextOffset, offset)
    }
    while (this.#batches.length > 1 && this.#batches.at(-1)?.messages.length === 0) {
      const { bytes = 0, receivedBytes = 0 } = this.#batches.pop() ?? {}
      this.#bytes -= bytes
      this.#receivedBytes -= receivedBytes
    }
  }

  /** What was pushed last came from a move to another offset: nothing up to there can be fetched again. */
  moveOn(): void {
    const last = this.#batches.at(-1)
    if (last !== undefined) last.movedOn = true
  }

  clear(): void {
    this.#passedBytes = this.handledBytes
    this.#batches.length = 0
    this.#bytes = 0
    this.#receivedBytes = 0
    this.cursor = 0
  }

  /**
   * Frees the memory that can be freed; what is let go has to be fetched again.
   *
   * @param inFlight a handler, or main, is at the next message, so the first batch has to stay
   * @returns the offset from which to fetch; undefined when nothing can be freed
   */
  letGo(inFlight: boolean): number | undefined {
    const { head } = this
    if (head === undefined || this.#batches.some(({ movedOn }) => movedOn)) return undefined
    const next = inFlight ? undefined : head.offsets[this.cursor]
    if (next !== undefined) {
      this.clear()
      return next
    }
    this.#batches.length = 1
    this.#bytes = head.bytes
    this.#receivedBytes = head.receivedBytes
    return head.nextOffset
  }

  #headBytes(messages: number): number {
    const { head } = this
    if (head === undefined || head.messages.length === 0) return 0
    return head.receivedBytes * Math.min(1, messages / head.messages.length)
  }
}

/**
 * A later epoch does no harm to the messages of a batch, see Page#epoch. With none a log that has others in their place
 * would look like their own to whoever goes on in the midst of the batch.
 */
const wouldLoseEpoch = (batch: BufferedBatch, next: number): boolean =>
  next === NO_EPOCH && batch.leaderEpoch !== NO_EPOCH && batch.messages.length > 0
