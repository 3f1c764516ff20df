/*
 * Kafka's primitive types in the classic (non-flexible) encoding: big-endian, strings with an int16 length, arrays and
 * bytes with an int32 length, -1 for null.
 */

/** Collects bytes; every method returns the writer. */
export class WireWriter {
  readonly #chunks: Buffer[] = []

  int16(value: number): this {
    const chunk = Buffer.allocUnsafe(2)
    chunk.writeInt16BE(value)
    this.#chunks.push(chunk)
    return this
  }

  int32(value: number): this {
    const chunk = Buffer.allocUnsafe(4)
    chunk.writeInt32BE(value)
    this.#chunks.push(chunk)
    return this
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1)
    const text = Buffer.from(value, 'utf8')
    this.int16(text.length)
    this.#chunks.push(text)
    return this
  }

  bytes(value: Buffer | null): this {
    if (value === null) return this.int32(-1)
    this.int32(value.length)
    this.#chunks.push(value)
    return this
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length)
    for (const item of items) write(item)
    return this
  }

  finish(): Buffer {
    return Buffer.concat(this.#chunks)
  }
}

/** Reads what a {@link WireWriter} (or any Kafka client) wrote. Every method throws a `RangeError` at garbage. */
export class WireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  int16(): number {
    return this.#take(2, 'an int16').readInt16BE()
  }

  int32(): number {
    return this.#take(4, 'an int32').readInt32BE()
  }

  nullableString(): string | null {
    const length = this.int16()
    if (length === -1) return null
    return this.#take(length, 'a string').toString('utf8')
  }

  string(): string {
    const text = this.nullableString()
    if (text === null) throw new RangeError(`expected a string at byte ${this.#at - 2}, got null`)
    return text
  }

  nullableBytes(): Buffer | null {
    const length = this.int32()
    if (length === -1) return null
    return this.#take(length, 'a byte array')
  }

  /** A null array reads as an empty one: KafkaJS does not tell them apart either. */
  array<T>(read: () => T): T[] {
    const length = this.int32()
    // An element has two bytes at least, so a count of garbage is caught before anything is allocated for it.
    if (length < -1 || length * 2 > this.left) {
      throw new RangeError(`expected an array at byte ${this.#at - 4}, got the length ${length} with ${this.left} left`)
    }
    const items: T[] = []
    for (let i = 0; i < length; i++) items.push(read())
    return items
  }

  #take(length: number, what: string): Buffer {
    if (length < 0 || length > this.left) {
      throw new RangeError(`expected ${what} of ${length} bytes at byte ${this.#at}, ${this.left} are left`)
    }
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}
