const LENGTH_BYTES = 4

/** Chunks that are smaller are put together now and then, because each costs memory beside its bytes. */
const SMALL_BYTES = 1024
const MANY_CHUNKS = 1024

/**
 * Cuts what arrives on a socket into frames: a length in 4 bytes, and that many bytes behind it. Bytes are copied once
 * at most (twice when they come in crumbs), and no memory is taken for bytes that were only announced.
 */
export class FrameReader {
  #chunks: Buffer[] = []
  #bytes = 0
  /** How many of the last chunks are small. */
  #small = 0
  #length: number | null = null

  /** What has arrived of the next frame. */
  get bytes(): number {
    return this.#bytes
  }

  add(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#bytes += chunk.length
    this.#small = chunk.length < SMALL_BYTES ? this.#small + 1 : 0
    if (this.#small < MANY_CHUNKS) return
    this.#chunks.push(Buffer.concat(this.#chunks.splice(-MANY_CHUNKS)))
    this.#small = 0
  }

  /** What the next frame says of its own length, which may be any number; null while that has not arrived. */
  get length(): number | null {
    if (this.#length === null && this.#bytes >= LENGTH_BYTES) this.#length = this.head(LENGTH_BYTES).readInt32BE(0)
    return this.#length
  }

  /** Up to so many of the next bytes. */
  head(bytes: number): Buffer {
    const parts: Buffer[] = []
    let there = 0
    for (const chunk of this.#chunks) {
      parts.push(chunk)
      there += chunk.length
      if (there >= bytes) break
    }
    return join(parts).subarray(0, bytes)
  }

  /** The next frame, without its length, or null while some of it is missing. Only for a length that is legal. */
  take(): Buffer | null {
    const { length } = this
    if (length === null || this.#bytes < LENGTH_BYTES + length) return null
    const end = LENGTH_BYTES + length
    const parts: Buffer[] = []
    let missing = end
    while (missing > 0) {
      const chunk = this.#chunks.shift() as Buffer
      parts.push(chunk.subarray(0, missing))
      if (chunk.length > missing) this.#chunks.unshift(chunk.subarray(missing))
      missing -= Math.min(missing, chunk.length)
    }
    this.#bytes -= end
    this.#small = 0
    this.#length = null
    return join(parts).subarray(LENGTH_BYTES)
  }

  clear(): void {
    this.#chunks = []
    this.#bytes = 0
    this.#small = 0
    this.#length = null
  }
}

const join = (parts: readonly Buffer[]): Buffer => (parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts))
