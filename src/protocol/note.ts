/** Of the size of a cache line, so none lies on two pages of memory: that is where a write is cut off when its writer is killed. */
export const NOTE_BYTES = 64

const VERSION = 0
const CHECK = 1

/** The words from this one on are for what a note says; two of them, from an even one on, may be a 64-bit number. */
export const NOTE_BEGIN = 2

/**
 * 64 bytes in a file, which one process writes and another reads meanwhile. Nothing keeps the reader from seeing half of a
 * write, so a checksum says whether a note is whole.
 */
export class Note {
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly longs: BigInt64Array

  constructor(memory: ArrayBuffer = new ArrayBuffer(NOTE_BYTES), at = 0) {
    this.bytes = new Uint8Array(memory, at, NOTE_BYTES)
    this.words = new Int32Array(memory, at, NOTE_BYTES / 4)
    this.longs = new BigInt64Array(memory, at, NOTE_BYTES / 8)
  }

  /** Another one each time that it is written; 0 before that. */
  get version(): number {
    return this.words[VERSION] ?? 0
  }

  /** It is complete, and can be written. */
  seal(): void {
    this.words[VERSION] = (this.version + 1) | 0 || 1
    this.words[CHECK] = this.#sum()
  }

  /** All of it is of one write. */
  get isWhole(): boolean {
    return this.version !== 0 && this.words[CHECK] === this.#sum()
  }

  /** FNV-1a over words instead of bytes. */
  #sum(): number {
    const { words } = this
    let sum = Math.imul((words[VERSION] ?? 0) ^ 0x811c9dc5, 0x01000193)
    for (let at = NOTE_BEGIN; at < words.length; at++) sum = Math.imul(sum ^ (words[at] ?? 0), 0x01000193)
    return sum
  }
}
