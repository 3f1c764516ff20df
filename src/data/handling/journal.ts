import { closeSync, openSync, writeSync } from 'node:fs'
import type { Logger } from 'pino'
import { emptyRow, ROW_BYTES, rowOf } from '../../protocol/journal.js'
import type { JournalTask } from '../../protocol/messages.js'
import { Episode } from '../../util/episode.js'
import type { Partition } from '../partition.js'

const EMPTY = emptyRow()

export interface JournalOptions extends JournalTask {
  /** How many handlers may be in flight at once. */
  readonly rows: number
  readonly log: Logger
  /** Monotonic. */
  readonly now: () => number
}

/**
 * Writes down what is about to be handled, for the case that the whole process dies of it: a suspect, and for a while after such
 * a death every message. A disk that does not take it is told of, and holds nothing up.
 */
export class Journal {
  readonly #options: JournalOptions
  readonly #trouble = new Episode()
  /** Those that say something. */
  readonly #written: boolean[] = []
  #file: number | null = null

  constructor(options: JournalOptions) {
    this.#options = options
  }

  /** A handler is about to begin. */
  begin(row: number, { topic, partition, suspect }: Partition, offset: number, nowMs: number): void {
    if (suspect === null && nowMs >= this.#options.carefulUntilMs) return
    const written = rowOf({ topic, partition, offset: String(offset) })
    if (written !== null && this.#write(written, row)) this.#written[row] = true
  }

  /** The handler came back. */
  end(row: number): void {
    if (this.#written[row] !== true) return
    this.#written[row] = false
    this.#write(EMPTY, row)
  }

  close(): void {
    if (this.#file !== null) closeSync(this.#file)
    this.#file = null
  }

  #write(bytes: Buffer, row: number): boolean {
    const { log, now, file } = this.#options
    try {
      // All of it at once: a disk that is full later has room for what is there.
      if (this.#file === null) {
        this.#file = openSync(file, 'w', 0o600)
        writeSync(this.#file, Buffer.concat(Array.from({ length: this.#options.rows }, emptyRow)), 0)
      }
      writeSync(this.#file, bytes, 0, bytes.length, row * ROW_BYTES)
      if (this.#trouble.ended(now()) !== null) log.info({ file }, 'stateDir can be written to again')
      return true
    } catch (err) {
      if (this.#trouble.happened(now()) !== null) {
        const what = `stateDir cannot be written to (${file}), so a message that kills the whole process is not found out`
        log.error({ err, file }, `${what}. Messages are handled all the same`)
      }
      return false
    }
  }
}
