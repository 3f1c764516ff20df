import { readInt64 } from '../records/int64.js'

/** Reads an answer from its beginning, field by field. Throws a RangeError where it ends too early. */
export class AnswerReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  offset(): number {
    this.#at += 8
    return readInt64(this.#bytes, this.#at - 8)
  }

  int64(): bigint {
    this.#at += 8
    return this.#bytes.readBigInt64BE(this.#at - 8)
  }

  boolean(): boolean {
    return this.take(1)[0] !== 0
  }

  string(): string {
    return this.take(this.int16()).toString()
  }

  /** A field of so many bytes; a negative number (null) takes none. */
  take(length: number): Buffer {
    const start = this.#at
    this.#at += Math.max(0, length)
    if (this.#at > this.#bytes.length) throw new RangeError(`the answer ends within a field of ${length} bytes`)
    return this.#bytes.subarray(start, this.#at)
  }

  /**
   * An array; null counts as empty.
   *
   * @param most how many items there may be. Items that are empty cost hardly any bytes, but each is an object
   */
  array<T>(item: () => T, most = Number.POSITIVE_INFINITY): T[] {
    const items: T[] = []
    const length = this.int32()
    if (length > most) throw new RangeError(`the answer has an array of ${length} items where ${most} were asked for`)
    for (let left = length; left > 0; left--) items.push(item())
    return items
  }
}
