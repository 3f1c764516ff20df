import { ByteReader } from './byte-reader.js'
import type { RecordBatch } from './record-batch.js'

export interface AbortedTransaction {
  readonly producerId: bigint
  /** Offset of the first record of the transaction. */
  readonly firstOffset: number
}

const ABORT_MARKER = 0

/** The type of a control batch: its one record has version (int16) and type (int16) as its key. */
const isAbortMarker = (batch: RecordBatch): boolean => {
  const record = new ByteReader(batch.records, 0)
  record.skipVarint() // length
  record.at++ // attributes
  record.skipVarint() // timestamp delta
  record.skipVarint() // offset delta
  const key = record.nullableBytes()
  return key !== null && key.length >= 4 && key.readInt16BE(2) === ABORT_MARKER
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

  /** True when the records of `batch` must not be shown. */
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
