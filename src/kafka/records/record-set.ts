import type { BatchRange, CutOffBatch, MessageBatch } from '../fetch.js'
import { NO_EPOCH } from '../metadata.js'
import { type AbortedTransaction, AbortedTransactions } from './aborted-transactions.js'
import type { Codecs } from './codecs.js'
import { readInt64 } from './int64.js'
import { readMessageSetEntry } from './message-set.js'
import { BATCH_BYTES, MESSAGE_BYTES, refuseTooMany } from './object-bytes.js'
import { type Collected, LEAST_RECORD_BYTES, readRecords } from './read-records.js'
import { ENTRY_HEADER_BYTES, MAGIC_AT, RecordBatch } from './record-batch.js'
import { sharedBytes } from './shared-bytes.js'
import { codecMissing, undecodable } from './undecodable.js'

export interface RecordSetOptions {
  readonly topic: string
  readonly partition: number
  readonly fetchOffset: number
  /** What the Fetch allowed for this partition. */
  readonly maxBytes: number
  /** Empty when uncommitted records were asked for. */
  readonly aborted: readonly AbortedTransaction[]
  readonly codecs: Codecs
  /** How large one batch may become when it is decompressed, and again its messages as objects. */
  readonly maxDecompressedBytes: number
  /** Where the batches need as much memory, no further one is decoded. The first that leads on always is. */
  readonly roomBytes?: number
  /** How many messages of a batch are decoded at once. @default all */
  readonly mostMessages?: number | undefined
  /** No batch that begins there or later is decoded. @default all are */
  readonly stopsAt?: number | undefined
  /** Told of each batch that is about to be decoded, when its codec is awaited and has come back, and, with null, when it is. @default nobody is */
  readonly decoding?: ((batch: BatchRange | null) => void) | undefined
}

export interface DecodedRecordSet {
  readonly batch: MessageBatch | null
  readonly cutOff: CutOffBatch | null
  readonly undecodable: Error | null
  /** The first batch was not to be decoded. */
  readonly stopped?: true
}

/** What one entry of the set yielded. */
interface Progress {
  readonly lastOffset: number
  /** Memory that its messages keep alive beside the set itself. */
  readonly ownBytes: number
  /** Absent in the formats before 2. */
  readonly leaderEpoch?: number
  /** There are messages behind it in the same batch. */
  readonly isPiece?: boolean
}

/** Decodes the entries of one partition's answer, one after the other. */
class RecordSetDecoder {
  readonly #options: RecordSetOptions & { readonly roomBytes: number; readonly mostMessages: number }
  readonly #aborted: AbortedTransactions
  readonly #collected: Collected = { messages: [], offsets: [] }
  #nextOffset: number
  /** Of the entry that was read last. */
  #lastOffset = -1
  /** Memory that the messages keep alive beside the set. */
  #ownBytes = 0
  /** Some of them were not compressed, so they keep the set itself alive. */
  #keepsSet = false
  #largestBytes = 0
  #leaderEpoch = NO_EPOCH

  constructor(options: RecordSetOptions) {
    const { roomBytes = Number.POSITIVE_INFINITY, mostMessages = Number.POSITIVE_INFINITY } = options
    this.#options = { ...options, roomBytes, mostMessages }
    this.#aborted = new AbortedTransactions(options.aborted)
    this.#nextOffset = options.fetchOffset
  }

  async decode(received: Buffer): Promise<DecodedRecordSet> {
    const set = sharedBytes(received)
    let at = 0
    let isOver = false
    while (!isOver && at + MAGIC_AT < set.length) {
      const end = at + ENTRY_HEADER_BYTES + set.readInt32BE(at + 8)
      // The broker fills up maxBytes and cuts the last entry off: the next fetch begins with it.
      if (end > set.length || this.#isFull(at)) break
      const { messages, offsets } = this.#collected
      const before = messages.length
      try {
        if (this.#stopsBefore(set, at)) {
          if (this.#progressed) break
          return { batch: null, cutOff: null, undecodable: null, stopped: true }
        }
        const progress = await this.#entry(set, at, end)
        this.#advance(progress, messages.length - before, end - at)
        isOver = progress.isPiece === true || messages.length >= this.#options.mostMessages
      } catch (error) {
        messages.length = before
        offsets.length = before
        // What came before it counts; the next fetch begins with the bad one and says so.
        if (this.#progressed) break
        return { batch: null, cutOff: null, undecodable: this.#explain(error, set, at) }
      } finally {
        this.#options.decoding?.(null)
      }
      at = end
    }
    if (!this.#progressed) return { batch: null, ...this.#noProgress(set, at) }
    const bytes = this.#ownBytes + (this.#keepsSet ? set.length : 0)
    const sizes = { bytes, receivedBytes: at, largestBytes: this.#largestBytes }
    return {
      batch: { ...this.#collected, nextOffset: this.#nextOffset, leaderEpoch: this.#leaderEpoch, ...sizes },
      cutOff: null,
      undecodable: null,
    }
  }

  /** Not without need: where an offset cannot be read, that is a fault of its entry. */
  #stopsBefore(set: Buffer, at: number): boolean {
    const { stopsAt } = this.#options
    return stopsAt !== undefined && readInt64(set, at) >= stopsAt
  }

  #tell(first: number, last: number, waits = false): void {
    this.#options.decoding?.({ first, last, waits })
  }

  get #progressed(): boolean {
    return this.#nextOffset > this.#options.fetchOffset
  }

  #isFull(at: number): boolean {
    return this.#progressed && this.#ownBytes + (this.#keepsSet ? at : 0) >= this.#options.roomBytes
  }

  #advance({ lastOffset, ownBytes, leaderEpoch = NO_EPOCH }: Progress, messages: number, entryBytes: number): void {
    this.#leaderEpoch = leaderEpoch
    this.#lastOffset = lastOffset
    this.#nextOffset = Math.max(this.#nextOffset, lastOffset + 1)
    this.#largestBytes = Math.max(this.#largestBytes, entryBytes)
    if (messages === 0) return
    this.#ownBytes += ownBytes + BATCH_BYTES + messages * MESSAGE_BYTES
    if (ownBytes === 0) this.#keepsSet = true
  }

  async #entry(set: Buffer, at: number, end: number): Promise<Progress> {
    if (end < at + MAGIC_AT + 1) throw new RangeError(`an entry of ${end - at} bytes is too short`)
    if (set.readInt8(at + MAGIC_AT) === 2) return this.#batch(new RecordBatch(set, at, end))
    const { fetchOffset: from, ...options } = this.#options
    this.#tell(from, readInt64(set, at))
    return readMessageSetEntry(set, at, { ...options, from, after: this.#lastOffset }, this.#collected)
  }

  async #batch(batch: RecordBatch): Promise<Progress> {
    const { topic, partition, fetchOffset, codecs, maxDecompressedBytes, mostMessages } = this.#options
    batch.check()
    const { lastOffset, codec, leaderEpoch } = batch
    if (batch.baseOffset <= this.#lastOffset) {
      throw new RangeError(
        `it begins at offset ${batch.baseOffset}, and ${this.#lastOffset + 1} is the least that can come`,
      )
    }
    const hidden = this.#aborted.hides(batch) || batch.isControl
    if (hidden || lastOffset < fetchOffset) return { lastOffset, ownBytes: 0, leaderEpoch }
    this.#tell(batch.baseOffset, lastOffset)
    let bytes = batch.records
    // What is not compressed has as many as there are bytes for, at the most: to announce more is damage.
    const most = codec === 0 ? bytes.length / LEAST_RECORD_BYTES : Number.POSITIVE_INFINITY
    refuseTooMany(Math.min(batch.count, Math.floor(most), mostMessages), maxDecompressedBytes)
    if (codec !== 0 && batch.count > 0) {
      const decompress = codecs.get(codec)
      if (decompress === undefined) throw codecMissing({ topic, partition, offset: batch.baseOffset }, codec)
      const result = decompress(bytes, maxDecompressedBytes)
      if (result instanceof Promise) {
        this.#tell(batch.baseOffset, lastOffset, true)
        bytes = sharedBytes(await result)
        this.#tell(batch.baseOffset, lastOffset)
      } else bytes = sharedBytes(result)
    }
    const { baseOffset, baseTimestamp, appendTimestamp } = batch
    const frame = { topic, partition, bytes, baseOffset, baseTimestamp, appendTimestamp }
    const pieceEnd = readRecords(frame, batch, fetchOffset, this.#collected, mostMessages)
    const ownBytes = codec === 0 ? 0 : bytes.length
    if (pieceEnd === null || pieceEnd >= lastOffset) return { lastOffset, ownBytes, leaderEpoch }
    return { lastOffset: pieceEnd, ownBytes, leaderEpoch, isPiece: true }
  }

  #explain(error: unknown, set: Buffer, at: number): Error {
    const { topic, partition, fetchOffset, maxDecompressedBytes } = this.#options
    let offset = fetchOffset
    try {
      offset = Math.max(fetchOffset, readInt64(set, at))
    } catch {
      // The offset itself is what cannot be read.
    }
    return undecodable({ topic, partition, offset }, error, maxDecompressedBytes)
  }

  /**
   * Bytes came, and no batch that leads on. Brokers send the first batch whole even when it is over the limit (KIP-74);
   * one that does not has to be asked for more. Java's `FetchCollector` throws "Failed to make progress" then.
   *
   * @param at where the entry begins that is not whole, or the end of the set
   */
  #noProgress(set: Buffer, at: number): Pick<DecodedRecordSet, 'cutOff' | 'undecodable'> {
    const left = set.length - at
    if (set.length === 0) return { cutOff: null, undecodable: null }
    // Where its size did not come, so much is needed to hear of it.
    const batchBytes = ENTRY_HEADER_BYTES + (left < ENTRY_HEADER_BYTES ? 0 : set.readInt32BE(at + 8))
    if (left > 0 && set.length >= this.#options.maxBytes)
      return { cutOff: { batchBytes: at + batchBytes, cameBytes: set.length }, undecodable: null }
    const what =
      left === 0
        ? `the broker's answer ends at offset ${this.#lastOffset}`
        : `only ${left} of its ${left < ENTRY_HEADER_BYTES ? 'unknown' : batchBytes} bytes came`
    return { cutOff: null, undecodable: this.#explain(new RangeError(what), set, at) }
  }
}

/** Decodes the records of one partition as they came in the answer to a Fetch: batches of any format, in order. */
export const decodeRecordSet = (set: Buffer, options: RecordSetOptions): Promise<DecodedRecordSet> =>
  new RecordSetDecoder(options).decode(set)
