import type { KafkajsResponse } from '../kafkajs/parts.js'
import { readInt64 } from '../records/int64.js'

/** What an answer brings of one topic. */
interface OfTopic<P> {
  readonly topic: string
  readonly partitions: readonly P[]
}

/**
 * Reads an answer from its beginning, field by field. Throws a RangeError where it ends too early, and for an array that
 * has more items than it can have: whatever an answer announces, it takes no memory for what is not there.
 */
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

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  boolean(): boolean {
    return this.take(1)[0] !== 0
  }

  /** A text; null counts as empty. */
  string(): string {
    return this.take(this.int16()).toString()
  }

  nullableString(): string | null {
    const length = this.int16()
    return length < 0 ? null : this.take(length).toString()
  }

  /** Bytes with their length in front; null counts as none. */
  bytes(): Buffer {
    return this.take(this.int32())
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
  array<T>(item: () => T, most: number): T[] {
    const items: T[] = []
    const length = this.int32()
    if (length > most) throw new RangeError(`the answer has an array of ${length} items where ${most} may be`)
    if (length > this.left) throw new RangeError(`the answer ends within an array of ${length} items`)
    for (let left = length; left > 0; left--) items.push(item())
    return items
  }

  /**
   * An array of topics with an array of partitions each.
   *
   * @param most how many partitions there may be in all: those that were asked for
   */
  topics<P>(partition: (topic: string) => P, most: number): OfTopic<P>[] {
    let left = most
    return this.array(() => {
      const topic = this.string()
      const partitions = this.array(() => partition(topic), left)
      left -= partitions.length
      return { topic, partitions }
    }, most)
  }
}

/** An answer that is read here. kafkajs's own readers take memory for as many items of an array as it announces. */
export const readWith = <T>(read: (answer: AnswerReader) => T): KafkajsResponse<T> => ({
  decode: async (raw) => read(new AnswerReader(raw)),
  parse: async (decoded) => decoded,
})
