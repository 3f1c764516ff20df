import { crc32c } from './crc32c.js'
import { readInt64 } from './int64.js'

/*
 * Record batch, format 2 (KIP-98). Sizes in bytes:
 *
 *   baseOffset 8 | length 4 | leaderEpoch 4 | magic 1 | crc 4 | attributes 2 | lastOffsetDelta 4 | baseTimestamp 8
 *   | maxTimestamp 8 | producerId 8 | producerEpoch 2 | baseSequence 4 | count 4 | records …
 *
 * The first twelve bytes and the place of the magic byte are the same in the older formats 0 and 1.
 */

/** Offset and length, which stand in front of an entry of any format. */
export const ENTRY_HEADER_BYTES = 12
const LEADER_EPOCH_AT = 12
export const MAGIC_AT = 16
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const BASE_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const COUNT_AT = 57
const RECORDS_AT = 61

const CODEC_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const TRANSACTIONAL = 0x10
const CONTROL = 0x20

/** A view of one record batch within the answer to a Fetch. */
export class RecordBatch {
  readonly #bytes: Buffer
  readonly #at: number
  readonly #end: number
  readonly #attributes: number
  readonly baseOffset: number

  /**
   * @param at where the batch begins in `bytes`
   * @param end where it ends
   * @throws RangeError when it is too short to be one
   */
  constructor(bytes: Buffer, at: number, end: number) {
    if (end - at < RECORDS_AT) throw new RangeError(`a batch of ${end - at} bytes is shorter than its own header`)
    this.#bytes = bytes
    this.#at = at
    this.#end = end
    this.#attributes = bytes.readInt16BE(at + ATTRIBUTES_AT)
    this.baseOffset = readInt64(bytes, at)
  }

  /** Under which leader it was written (KIP-101); the broker notes it, so the checksum does not cover it. */
  get leaderEpoch(): number {
    return this.#bytes.readInt32BE(this.#at + LEADER_EPOCH_AT)
  }

  /**
   * Before anything in it is believed: damage must not pass for a batch that shows nothing.
   *
   * @throws RangeError when it cannot be what a producer wrote, or makes no sense
   */
  check(): void {
    const bytes = this.#bytes.subarray(this.#at + ATTRIBUTES_AT, this.#end)
    if (crc32c(bytes) !== this.#bytes.readUInt32BE(this.#at + CRC_AT)) throw new RangeError('its checksum is wrong')
    const { count, lastOffset, lastOffsetDelta } = this
    if (count < 0) throw new RangeError(`it announces ${count} records`)
    if (lastOffsetDelta < 0 || !Number.isSafeInteger(lastOffset))
      throw new RangeError(`it ends at offset ${lastOffset}`)
  }

  /** Number of the codec in Kafka's attributes; 0 for none. */
  get codec(): number {
    return this.#attributes & CODEC_MASK
  }

  get isTransactional(): boolean {
    return (this.#attributes & TRANSACTIONAL) !== 0
  }

  get isControl(): boolean {
    return (this.#attributes & CONTROL) !== 0
  }

  /** The log cleaner keeps it when it removes the last records of a batch. */
  get lastOffset(): number {
    return this.baseOffset + this.lastOffsetDelta
  }

  get lastOffsetDelta(): number {
    return this.#bytes.readInt32BE(this.#at + LAST_OFFSET_DELTA_AT)
  }

  get baseTimestamp(): bigint {
    return this.#bytes.readBigInt64BE(this.#at + BASE_TIMESTAMP_AT)
  }

  /** See `RecordFrame.appendTimestamp`. */
  get appendTimestamp(): bigint | null {
    return this.#attributes & LOG_APPEND_TIME ? this.#bytes.readBigInt64BE(this.#at + MAX_TIMESTAMP_AT) : null
  }

  get producerId(): bigint {
    return this.#bytes.readBigInt64BE(this.#at + PRODUCER_ID_AT)
  }

  get count(): number {
    return this.#bytes.readInt32BE(this.#at + COUNT_AT)
  }

  /** The records, compressed if {@link codec} is not 0. */
  get records(): Buffer {
    return this.#bytes.subarray(this.#at + RECORDS_AT, this.#end)
  }
}
