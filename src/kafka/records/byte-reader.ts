const LONGEST_VARINT = 10

const overLong = (at: number): RangeError => new RangeError(`a number that does not end before byte ${at}`)

/** Reads the variable-length numbers of Kafka's record format (protobuf's zig-zag varints) from a buffer. */
export class ByteReader {
  readonly bytes: Buffer
  /** Position of the next byte. */
  at: number

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes
    this.at = at
  }

  /**
   * A zig-zag varint of up to 32 bits.
   *
   * @throws RangeError when it is longer: never a number of which nobody knows what it means
   */
  varint(): number {
    const bytes = this.bytes
    let byte = bytes[this.at++] as number
    let raw = byte & 0x7f
    for (let shift = 7; byte > 0x7f; shift += 7) {
      if (shift > 28) throw overLong(this.at)
      byte = bytes[this.at++] as number
      raw |= (byte & 0x7f) << shift
    }
    return (raw >>> 1) ^ -(raw & 1)
  }

  /** A zig-zag varint of up to 64 bits. */
  varlong(): bigint {
    let raw = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at++] as number
      raw |= BigInt(byte & 0x7f) << shift
      if (byte <= 0x7f) break
    }
    return BigInt.asIntN(64, (raw >> 1n) ^ -(raw & 1n))
  }

  /**
   * Passes over a varint without decoding it.
   *
   * @throws RangeError when it is longer than 64 bits
   */
  skipVarint(): void {
    const longest = this.at + LONGEST_VARINT
    while ((this.bytes[this.at++] as number) > 0x7f) if (this.at === longest) throw overLong(this.at)
  }

  /** Passes over bytes with their length in front. */
  skipBytes(): void {
    const length = this.varint()
    if (length > 0) this.at += length
  }

  /** Bytes with their length in front; a negative length stands for null. */
  nullableBytes(): Buffer | null {
    const length = this.varint()
    if (length < 0) return null
    const start = this.at
    this.at += length
    return this.bytes.subarray(start, this.at)
  }
}
