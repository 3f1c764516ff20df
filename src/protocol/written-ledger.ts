import { writeSync } from 'node:fs'
import { type HeapFill, type HookName, Ledger } from './ledger.js'
import { NOTE_BYTES, Note } from './note.js'
import type { ThreadMemory } from './reports.js'

/**
 * The ledger of a thread whose main thread is in another process: what it says is also written into a file, a note for each
 * row, one for what is seldom said, and some for the tally, which is written once a second. A handler's start is there before the handler is called. What follows a return, and is worth no write of its own, is
 * there with the next start, or as soon as the code that runs has come to its end.
 */
export class WrittenLedger extends Ledger {
  readonly #fd: number
  readonly #at: number
  readonly #note = new Note()
  readonly #rest = new Note()
  readonly #tally = Array.from({ length: Ledger.tallyNotes }, () => new Note())
  readonly #behind = new Set<number>()
  #isDue = false

  private constructor(buffer: SharedArrayBuffer, fd: number, at: number) {
    super(buffer, Ledger.rowsIn(buffer))
    this.#fd = fd
    this.#at = at
  }

  /** @param at where in the file its notes are */
  static over(buffer: SharedArrayBuffer, fd: number, at: number): WrittenLedger {
    return new WrittenLedger(buffer, fd, at)
  }

  override begin(row: number, partitionId: number, offset: number, attempt: number, nowMs: number): void {
    super.begin(row, partitionId, offset, attempt, nowMs)
    this.#behind.add(row)
    this.#writeBehind()
  }

  override end(row: number): void {
    super.end(row)
    this.#writeSoon(row)
  }

  override beginHook(name: HookName, nowMs: number): void {
    super.beginHook(name, nowMs)
    this.#write(0)
  }

  override endHook(): void {
    super.endHook()
    this.#write(0)
  }

  override countFinished(): void {
    super.countFinished()
    this.#writeSoon(0)
  }

  override countFailed(): void {
    super.countFailed()
    this.#writeSoon(0)
  }

  override countRetried(): void {
    super.countRetried()
    this.#writeSoon(0)
  }

  override countGivenUp(): void {
    super.countGivenUp()
    this.#writeSoon(0)
  }

  override noteMemory(memory: ThreadMemory, fill: HeapFill, nowMs: number): void {
    super.noteMemory(memory, fill, nowMs)
    this.#writeRest()
    this.noteTally()
  }

  override noteTally(): void {
    for (const [place, note] of this.#tally.entries()) {
      this.noteDownTally(place, note)
      this.#put(note, this.rows + 1 + place)
    }
  }

  override beginDecoding(partitionId: number, first: number, last: number, waits = false): void {
    super.beginDecoding(partitionId, first, last, waits)
    this.#writeRest()
  }

  override endDecoding(): void {
    super.endDecoding()
    this.#writeRest()
  }

  #writeRest(): void {
    this.noteDownRest(this.#rest)
    this.#put(this.#rest, this.rows)
  }

  #writeSoon(row: number): void {
    this.#behind.add(row)
    if (this.#isDue) return
    this.#isDue = true
    queueMicrotask(() => {
      this.#isDue = false
      this.#writeBehind()
    })
  }

  #writeBehind(): void {
    for (const row of this.#behind) this.#write(row)
  }

  /** Of the notes of rows the one that was written last says how the whole is. */
  #write(row: number): void {
    this.#behind.delete(row)
    this.noteDown(row, this.#note)
    this.#put(this.#note, row)
  }

  #put(note: Note, place: number): void {
    note.seal()
    writeSync(this.#fd, note.bytes, 0, NOTE_BYTES, this.#at + place * NOTE_BYTES)
  }
}
