import { randomUUID } from 'node:crypto'
import { accessSync, closeSync, constants, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NOTE_BYTES, Note } from '../../../protocol/note.js'

/** Memory that looks like a disk, where Linux has it. */
const MEMORY = '/dev/shm'

/** A write takes microseconds; a reader that comes in its midst looks again. */
const MOST_LOOKS = 1_000

const folder = (): string => {
  try {
    accessSync(MEMORY, constants.W_OK | constants.X_OK)
    return MEMORY
  } catch {
    return tmpdir()
  }
}

/** A place in the file, in bytes. */
interface Span {
  readonly at: number
  readonly bytes: number
}

/**
 * The file in which one child process notes how far it is. It has no name: the process inherits it, so it is gone with the
 * last of the two, however they end.
 */
export class Slate {
  readonly fd: number
  readonly #free: Span[] = []
  #end = 0
  #closed = false

  /** @throws what the system says when it gives no file */
  constructor() {
    const path = join(folder(), `kafka-consumer-pool-${randomUUID()}`)
    this.fd = openSync(path, 'wx+', 0o600)
    unlinkSync(path)
  }

  /**
   * Gives a place for so many notes, with nothing on it.
   *
   * @throws what the system says when it has no room for it: nothing that is written there later can fail for that
   */
  allot(notes: number): Span {
    const bytes = notes * NOTE_BYTES
    const found = this.#free.findIndex((span) => span.bytes >= bytes)
    const span = this.#free[found] ?? { at: this.#end, bytes }
    this.#clear(span)
    if (found === -1) this.#end += bytes
    else this.#free.splice(found, 1)
    return span
  }

  /** The process does not write there any more. */
  release(span: Span): void {
    this.#free.push(span)
  }

  /**
   * @returns a function that reads so many notes as they are now, each whole; null for one that is not written yet, or that
   * cannot be read. They are good until it is called again.
   */
  reader(at: number, notes: number): () => readonly (Note | null)[] {
    const memory = new ArrayBuffer(notes * NOTE_BYTES)
    const bytes = new Uint8Array(memory)
    const all = Array.from({ length: notes }, (_, n) => new Note(memory, n * NOTE_BYTES))
    return () => {
      if (this.#closed) return []
      readSync(this.fd, bytes, 0, bytes.length, at)
      return all.map((note, n) => this.#whole(note, at + n * NOTE_BYTES))
    }
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    closeSync(this.fd)
  }

  /** Where there is room for a part only, the first write stops short and says nothing. */
  #clear({ at, bytes }: Span): void {
    const nothing = new Uint8Array(bytes)
    for (let done = 0; done < bytes; ) done += writeSync(this.fd, nothing, done, bytes - done, at + done)
  }

  #whole(note: Note, at: number): Note | null {
    for (let looks = 0; looks < MOST_LOOKS; looks++) {
      if (note.isWhole) return note
      if (note.version === 0) return null
      readSync(this.fd, note.bytes, 0, NOTE_BYTES, at)
    }
    return note.isWhole ? note : null
  }
}
