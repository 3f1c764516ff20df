import { type Message, type MessageBatch, NO_EPOCH } from '../kafka/face.js'

/** A fetched batch that waits to be handled. */
export interface BufferedBatch {
  messages: readonly Message[]
  offsets: readonly number[]
  readonly bytes: number
  /** What may be committed when the last message is finished. */
  nextOffset: number
  /** Leader epoch that belongs to `nextOffset`; NO_EPOCH when it is not known. */
  leaderEpoch: number
}

/** What has been fetched of one partition and not yet been handled. */
export class BatchBuffer {
  /** Index of the next message within `head`. */
  cursor = 0
  readonly #batches: BufferedBatch[] = []
  #bytes = 0

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

  push({ messages, offsets, bytes, nextOffset, leaderEpoch = NO_EPOCH }: MessageBatch): void {
    const last = this.#batches.at(-1)
    if (messages.length === 0 && last !== undefined) {
      // Nothing to show (aborted transactions, control records): any number of these costs no memory.
      last.nextOffset = nextOffset
      last.leaderEpoch = leaderEpoch
      return
    }
    this.#batches.push({ messages, offsets, bytes: messages.length === 0 ? 0 : bytes, nextOffset, leaderEpoch })
    this.#bytes += messages.length === 0 ? 0 : bytes
  }

  /** The first batch is done with. */
  shift(): void {
    this.#bytes -= this.#batches.shift()?.bytes ?? 0
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
      this.#bytes -= this.#batches.pop()?.bytes ?? 0
    }
  }

  clear(): void {
    this.#batches.length = 0
    this.#bytes = 0
    this.cursor = 0
  }
}
