import type { Message, MessageBatch } from '../kafka/face.js'

/** A fetched batch that waits to be handled. */
export interface BufferedBatch {
  readonly messages: readonly Message[]
  readonly offsets: readonly number[]
  readonly bytes: number
  /** What may be committed when the last message is finished. */
  nextOffset: number
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

  push({ messages, offsets, bytes, nextOffset }: MessageBatch): void {
    const last = this.#batches.at(-1)
    if (messages.length === 0 && last !== undefined) {
      // Nothing to show (aborted transactions, control records): any number of these costs no memory.
      last.nextOffset = nextOffset
      return
    }
    this.#batches.push({ messages, offsets, bytes: messages.length === 0 ? 0 : bytes, nextOffset })
    this.#bytes += messages.length === 0 ? 0 : bytes
  }

  /** The first batch is done with. */
  shift(): void {
    this.#bytes -= this.#batches.shift()?.bytes ?? 0
    this.cursor = 0
  }

  clear(): void {
    this.#batches.length = 0
    this.#bytes = 0
    this.cursor = 0
  }
}
