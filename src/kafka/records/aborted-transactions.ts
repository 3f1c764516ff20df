import { readInt64 } from './int64.js'
import { type Collected, readRecords } from './read-records.js'
import type { RecordBatch } from './record-batch.js'

export interface AbortedTransaction {
  readonly producerId: bigint
  /** Offset of the first record of the transaction. */
  readonly firstOffset: number
}

/** What one takes in an answer. */
export const ABORTED_BYTES = 16

/** Those that an answer names. */
export const abortedIn = (bytes: Buffer): AbortedTransaction[] =>
  Array.from({ length: bytes.length / ABORTED_BYTES }, (_, index) => ({
    producerId: bytes.readBigInt64BE(index * ABORTED_BYTES),
    firstOffset: readInt64(bytes, index * ABORTED_BYTES + 8),
  }))

const ABORT_MARKER = 0

/**
 * The type of a control batch: its one record, unless the log cleaner has removed it, has version (int16) and type
 * (int16) as its key.
 *
 * @throws RangeError when it does not say: what comes after it would be hidden or shown by chance
 */
const isAbortMarker = (batch: RecordBatch): boolean => {
  if (batch.count === 0) return false
  const { baseOffset, records: bytes } = batch
  const found: Collected = { messages: [], offsets: [] }
  const frame = { topic: '', partition: 0, bytes, baseOffset, baseTimestamp: 0n, appendTimestamp: null }
  readRecords(frame, batch, 0, found)
  const key = found.messages[0]?.key
  if (key === null || key === undefined || key.length < 4) throw new RangeError('a control record without a type')
  return key.readInt16BE(2) === ABORT_MARKER
}

/**
 * Which batches of one partition's answer belong to aborted transactions (KIP-98; the rule is that of Java's
 * `CompletedFetch`): a transaction begins with the broker's list and ends with the producer's abort marker. Show it the
 * batches in order.
 */
export class AbortedTransactions {
  /** Those that have not begun yet, the next one last. */
  readonly #ahead: AbortedTransaction[]
  readonly #open = new Set<bigint>()

  constructor(transactions: readonly AbortedTransaction[]) {
    this.#ahead = transactions.toSorted((a, b) => b.firstOffset - a.firstOffset)
  }

  /**
   * True when the records of `batch` must not be shown.
   *
   * @throws RangeError when it ends a transaction and cannot be read
   */
  hides(batch: RecordBatch): boolean {
    this.#begin(batch.lastOffset)
    if (this.#open.size === 0 || !batch.isTransactional || !this.#open.has(batch.producerId)) return false
    if (!batch.isControl) return true
    if (isAbortMarker(batch)) this.#open.delete(batch.producerId)
    return false
  }

  #begin(upTo: number): void {
    for (;;) {
      const next = this.#ahead.at(-1)
      if (next === undefined || next.firstOffset > upTo) return
      this.#open.add(next.producerId)
      this.#ahead.pop()
    }
  }
}
