import {
  type Counters,
  type DecodedBatch,
  type Flight,
  type HeapFill,
  Ledger,
  type RunningHook,
} from '../../../protocol/ledger.js'
import type { Note } from '../../../protocol/note.js'
import type { LedgerWord } from '../../../protocol/process-messages.js'
import type { ThreadMemory } from '../../../protocol/reports.js'
import type { Tally } from '../../../protocol/tally.js'
import { monotonicMs } from '../../../util/clock.js'
import { onceAStretch } from '../../../util/once-a-stretch.js'

/** Where the process notes what stands in its ledger, and how it is told what main writes into it. */
export interface LedgerAway {
  readonly read: () => readonly (Note | null)[]
  readonly tell: (word: LedgerWord) => void
}

/** Main's ledger of an incarnation in another process. */
export class MirroredLedger extends Ledger {
  readonly #versions: Int32Array
  #away: LedgerAway | null = null
  #lease = { untilMs: 0, aheadMs: 0 }
  readonly #look = onceAStretch(() => this.#read())

  private constructor(rows: number) {
    super(Ledger.memoryFor(rows), rows)
    this.#versions = new Int32Array(Ledger.notesFor(rows))
  }

  static ofRows(rows: number): MirroredLedger {
    return new MirroredLedger(rows)
  }

  /** There is a process: it is told what was written up to now. */
  connect(away: LedgerAway): void {
    this.#away = away
    away.tell({ type: 'raise', bits: this.control })
    away.tell({ type: 'lease', ...this.#lease })
  }

  /** The process writes no more, or it does not matter: what it has written last stays. */
  disconnect(): void {
    this.#read()
    this.#away = null
  }

  override raise(bits: number): void {
    super.raise(bits)
    this.#away?.tell({ type: 'raise', bits })
  }

  override clear(bits: number): void {
    super.clear(bits)
    this.#away?.tell({ type: 'clear', bits })
  }

  override extendLease(untilMs: number, aheadMs: number): void {
    super.extendLease(untilMs, aheadMs)
    this.#lease = { untilMs, aheadMs }
    this.#away?.tell({ type: 'lease', untilMs, aheadMs })
  }

  override looked(frozenForMs: number, dueMs: number): void {
    super.looked(frozenForMs, dueMs)
    this.#away?.tell({ type: 'looked', frozenForMs, dueMs })
  }

  override flights(nowMs: number = monotonicMs()): Flight[] {
    this.#look()
    return super.flights(nowMs)
  }

  override hook(nowMs: number = monotonicMs()): RunningHook | null {
    this.#look()
    return super.hook(nowMs)
  }

  override get givenUp(): number {
    this.#look()
    return super.givenUp
  }

  override get counters(): Counters {
    this.#look()
    return super.counters
  }

  override get tally(): Tally {
    this.#look()
    return super.tally
  }

  override get decoding(): DecodedBatch | null {
    this.#look()
    return super.decoding
  }

  override get memory(): ThreadMemory | null {
    this.#look()
    return super.memory
  }

  override silentMs(nowMs: number): number {
    this.#look()
    return super.silentMs(nowMs)
  }

  override get heapFill(): HeapFill {
    this.#look()
    return super.heapFill
  }

  #read(): void {
    let newest: Note | null = null
    for (const [row, note] of (this.#away?.read() ?? []).entries()) {
      // Only among those that have changed since: versions wrap, so one that is very old would look like the newest.
      if (note === null || note.version === this.#versions[row]) continue
      this.#versions[row] = note.version
      if (row >= this.rows) {
        if (row === this.rows) this.takeRest(note)
        else this.takeTally(row - this.rows - 1, note)
        continue
      }
      this.takeRow(row, note)
      if (newest === null || ((note.version - newest.version) | 0) > 0) newest = note
    }
    if (newest !== null) this.takeWhole(newest)
  }
}
