import { writeSync } from 'node:fs'
import { NOTE_BYTES, Note } from './note.js'
import { NOTE_FINISHES, Page } from './page.js'

/** A page of a thread whose main thread is in another process: what it says is also written into a file, a note for each partition. */
export class WrittenPage extends Page {
  readonly #fd: number
  readonly #at: number
  readonly #note = new Note()
  readonly #finishes: Int32Array
  #closed = false

  private constructor(buffer: SharedArrayBuffer, fd: number, at: number) {
    super(buffer)
    this.#fd = fd
    this.#at = at
    this.#finishes = new Int32Array(this.size)
  }

  /** @param at where in the file its notes are */
  static over(buffer: SharedArrayBuffer, fd: number, at: number): WrittenPage {
    return new WrittenPage(buffer, fd, at)
  }

  /** With the epoch that was set before. */
  override finish(index: number, offset: number): void {
    super.finish(index, offset)
    this.#finishes[index] = ((this.#finishes[index] as number) + 1) | 0
    this.#write(index)
  }

  override fetched(index: number, position: number, end: number): void {
    super.fetched(index, position, end)
    this.#write(index)
  }

  override retryAt(index: number, atMs: number | null): void {
    super.retryAt(index, atMs)
    this.#write(index)
  }

  override sawBatches(index: number, largestBytes: number): void {
    super.sawBatches(index, largestBytes)
    this.#write(index)
  }

  /** Nothing is written any more: its place in the file is needed elsewhere. */
  close(): void {
    this.#closed = true
  }

  #write(index: number): void {
    if (this.#closed) return
    this.noteDown(index, this.#note)
    this.#note.words[NOTE_FINISHES] = this.#finishes[index] as number
    this.#note.seal()
    writeSync(this.#fd, this.#note.bytes, 0, NOTE_BYTES, this.#at + index * NOTE_BYTES)
  }
}
