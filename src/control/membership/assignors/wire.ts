/*
 * Kafka's primitive types in the classic (non-flexible) encoding: big-endian, strings with an int16 length, arrays and
 * bytes with an int32 length, -1 for null.
 */

/** Room for most members' words. */
const FIRST_BYTES = 256

/** Collects bytes; every method returns the writer. */
export class WireWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES)
  #at = 0

  int16(value: number): this {
    const at = this.#room(2)
    this.#bytes.writeInt16BE(value, at)
    return this
  }

  int32(value: number): this {
    const at = this.#room(4)
    this.#bytes.writeInt32BE(value, at)
    return this
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1)
    const length = Buffer.byteLength(value, 'utf8')
    const at = this.int16(length).#room(length)
    this.#bytes.write(value, at, 'utf8')
    return this
  }

  bytes(value: Buffer | null): this {
    if (value === null) return this.int32(-1)
    const at = this.int32(value.length).#room(value.length)
    value.copy(this.#bytes, at)
    return this
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length)
    for (const item of items) write(item)
    return this
  }

  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#at))
  }

  /** @returns where so many bytes may be written */
  #room(length: number): number {
    const at = this.#at
    this.#at += length
    if (this.#at > this.#bytes.length) {
      const more = Buffer.allocUnsafe(2 * this.#at)
      this.#bytes.copy(more, 0, 0, at)
      this.#bytes = more
    }
    return at
  }
}

/** Reads what a {@link WireWriter} (or any Kafka client) wrote. Every method throws a `RangeError` at garbage. */
export class WireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get at(): number {
    return this.#at
  }

  /** Passes these bytes, if they are the next ones. */
  passes(bytes: Buffer): boolean {
    const isNext = this.#bytes.subarray(this.#at, this.#at + bytes.length).equals(bytes)
    if (isNext) this.#at += bytes.length
    return isNext
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#pass(2, 'an int16'))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#pass(4, 'an int32'))
  }

  nullableString(): string | null {
    const length = this.int16()
    if (length === -1) return null
    const at = this.#pass(length, 'a string')
    return this.#bytes.toString('utf8', at, at + length)
  }

  string(): string {
    const text = this.nullableString()
    if (text === null) throw new RangeError(`expected a string at byte ${this.#at - 2}, got null`)
    return text
  }

  nullableBytes(): Buffer | null {
    const length = this.int32()
    if (length === -1) return null
    const at = this.#pass(length, 'a byte array')
    return this.#bytes.subarray(at, at + length)
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

  /** @returns where so many bytes begin */
  #pass(length: number, what: string): number {
    const at = this.#at
    if (length < 0 || length > this.left) {
      throw new RangeError(`expected ${what} of ${length} bytes at byte ${at}, ${this.left} are left`)
    }
    this.#at += length
    return at
  }
}
