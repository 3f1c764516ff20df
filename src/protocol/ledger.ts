import { frozenMs, monotonicMs, ticksBetween, toTicks, wallAheadMs } from '../util/clock.js'
import { NOTE_BEGIN, NOTE_BYTES, type Note } from './note.js'
import type { ThreadMemory } from './reports.js'
import { Tally } from './tally.js'

/*
 * Ledger and Page are what two threads share about one incarnation of a slot. Their two files are the whole layout; nobody
 * else does index arithmetic.
 *
 *   main thread                                   worker thread
 *   control, lease        ──── Ledger ────►        read before every message
 *   freezes               ──── Ledger ────►        read when a turn begins, and when a handler has had its time
 *   read at any time      ◄─── Ledger ─────        counters, handlers in flight, `setup` or `teardown` that runs, memory,
 *                                                  the batch that is decoded, what is counted for metrics (Tally)
 *   revoked flags         ──── Page ──────►        read when the control word says so
 *   commits, lag          ◄─── Page ──────         how far it is finished and the epoch of that, position, end, size of batches
 *   dead letters          ──── Page ──────►        finished behind a message that the thread waits for
 *   stalls                ◄─── Page ──────         when a failed message is tried again
 *
 * A Ledger belongs to one incarnation and dies with it, so a thread that would not die can never write into the memory
 * of its successor. A Page holds the partitions that one assignment added; a partition that is kept over a rebalance
 * stays on its page.
 *
 * Two processes share no memory. There each has a Ledger and Pages of its own; what the thread says in them it also writes
 * into a file, as notes, at once (WrittenLedger, WrittenPage), so that it is there still when the process is not, and main
 * reads that before it looks (MirroredLedger, PageMirror). What main says is sent, and done on the memory of the other side.
 */

/** Bits of the control word. Zero means: run. */
export const Control = {
  /** A rebalance with an eager protocol is under way: start no message until told otherwise. */
  rebalance: 1,
  /** The slot stops: start no message any more. What is in flight may finish. */
  stop: 2,
  /** A partition of some page was revoked: clear this bit, then look at the pages' flags (in that order). */
  revoked: 4,
  /** The time in which the slot stops is nearly over: `context.cancelled` becomes true. */
  giveUp: 8,
  /** The thread is about to be recycled: start no message any more. What is in flight may finish. */
  recycle: 16,
  /** Raised and cleared by the thread: its heap is full to the brim, so it starts no message until it is recycled. */
  brimful: 32,
} as const

/** How full the heap of a thread is with what a collection of garbage leaves. */
const FILLS = ['fine', 'full', 'brimful'] as const
export type HeapFill = (typeof FILLS)[number]

const CONTROL = 0
const LEASE_END = 1
const FINISHED = 2
const FAILED = 3
const RETRIED = 4
/** From each counter to the word that counts its halves. */
const HALVES = 3
const LEASE_WALL = 8
const GIVEN_UP = 9
const HOOK = 10
const HOOK_STARTED = 11
const STOOD_STILL = 12
const LOOK_DUE = 13
const HEAP_USED = 14
const HEAP_LIMIT = 15
const EXTERNAL = 16
const HEAP_FILL = 17
const DECODING = 18
const SPOKE_AT = 19
/** Even, so that the offsets behind the rows are aligned. */
const HEADER_WORDS = 20
/** Behind the offsets of the rows: the first and the last one of the batch that is decoded. */
const DECODING_OFFSETS = 2
/** Memory is noted in KiB: up to 4 TiB. */
const KIB = 1024
const HALF = 2 ** 31

/** Main looks at every ledger at least so often. */
export const LONGEST_LOOK_MS = 1_000

/** Coarse, so that a machine that sleeps for months is no riddle: differences wrap after seven years. */
const WALL_TICK_MS = 100
const wallTicks = (ms: number): number => toTicks(ms / WALL_TICK_MS)

const FLIGHT_PARTITION = 0
const FLIGHT_STARTED = 1
const FLIGHT_ATTEMPT = 2
const FLIGHT_WORDS = 4

/** What the thread says beside its rows. */
const SAID_BY_THREAD = [
  ...[FINISHED, FAILED, RETRIED],
  ...[FINISHED + HALVES, FAILED + HALVES, RETRIED + HALVES],
  ...[GIVEN_UP, HOOK, HOOK_STARTED],
]
/** Where a note has a row, behind those. */
const NOTE_ROW = NOTE_BEGIN + SAID_BY_THREAD.length
const NOTE_OFFSET = 7
/** What it says seldom: a note of its own, behind those of the rows. */
const SELDOM_SAID = [HEAP_USED, HEAP_LIMIT, EXTERNAL, HEAP_FILL, DECODING, SPOKE_AT]
/** Where that has the offsets of a batch, in 64-bit numbers. */
const NOTE_DECODING = 4
/** The tally is in notes of its own behind that one, which have so many of its cells each. */
const NOTE_CELLS_AT = NOTE_BEGIN / 2
const NOTE_CELLS = NOTE_BYTES / 8 - NOTE_CELLS_AT
const TALLY_NOTES = Math.ceil(Tally.cells / NOTE_CELLS)

const int32Bytes = (rows: number): number => (HEADER_WORDS + rows * FLIGHT_WORDS) * 4
/** Behind the offsets. */
const cellsAt = (rows: number): number => int32Bytes(rows) + (rows + DECODING_OFFSETS) * 8

/** A handler call that has begun and not yet come back. */
export interface Flight {
  /** The partition's id, as main gave it in the assignment. */
  readonly partitionId: number
  readonly offset: bigint
  /** 1 for the first try. */
  readonly attempt: number
  readonly runningMs: number
}

/** What a handler's module may export beside the handler. */
const HOOKS = ['setup', 'teardown'] as const
export type HookName = (typeof HOOKS)[number]

/** A `setup` or `teardown` that has begun and not yet come back. */
export interface RunningHook {
  readonly name: HookName
  readonly runningMs: number
}

/** A batch that is decoded: offsets of its first and last message. */
export interface DecodedBatch {
  /** The partition's id, as main gave it in the assignment. */
  readonly partitionId: number
  readonly first: bigint
  readonly last: bigint
  /** Its codec is awaited: whatever handlers are in flight go on. */
  readonly waits: boolean
}

/** Numbers of messages since the incarnation began. */
export interface Counters {
  readonly finished: number
  readonly failed: number
  readonly retried: number
}

/** Shared memory of one incarnation: control word, lease, freezes, counters, handlers in flight, the hook that runs. */
export class Ledger {
  readonly buffer: SharedArrayBuffer
  /** How many handlers may be in flight at once: each has a row. */
  readonly rows: number
  readonly #words: Int32Array
  readonly #offsets: BigInt64Array
  readonly #tally: Tally
  /** The cells of the tally, as notes have them. */
  readonly #cells: BigInt64Array

  /** Over memory that is there already, or not: see {@link from} and {@link create}. */
  protected constructor(buffer: SharedArrayBuffer, rows: number) {
    this.buffer = buffer
    this.rows = rows
    this.#words = new Int32Array(buffer, 0, int32Bytes(rows) / 4)
    this.#offsets = new BigInt64Array(buffer, int32Bytes(rows), rows + DECODING_OFFSETS)
    this.#tally = new Tally(new Float64Array(buffer, cellsAt(rows), Tally.cells))
    this.#cells = new BigInt64Array(buffer, cellsAt(rows), Tally.cells)
  }

  /** @param rows how many handlers may be in flight at once (the slot's `concurrency`) */
  static create(rows: number): Ledger {
    const ledger = new Ledger(Ledger.memoryFor(rows), rows)
    ledger.looked(0, monotonicMs() + LONGEST_LOOK_MS) // a freeze may come before the first look
    return ledger
  }

  static from(buffer: SharedArrayBuffer): Ledger {
    return new Ledger(buffer, Ledger.rowsIn(buffer))
  }

  protected static memoryFor(rows: number): SharedArrayBuffer {
    return new SharedArrayBuffer(cellsAt(rows) + Tally.cells * 8)
  }

  protected static rowsIn(buffer: SharedArrayBuffer): number {
    return (buffer.byteLength - cellsAt(0) - Tally.cells * 8) / (FLIGHT_WORDS * 4 + 8)
  }

  get control(): number {
    return Atomics.load(this.#words, CONTROL)
  }

  raise(bits: number): void {
    Atomics.or(this.#words, CONTROL, bits)
  }

  clear(bits: number): void {
    Atomics.and(this.#words, CONTROL, ~bits)
  }

  /**
   * Main: no message may start after this moment (monotonic ms).
   *
   * @param aheadMs {@link wallAheadMs} when that was right
   */
  extendLease(untilMs: number, aheadMs = wallAheadMs()): void {
    Atomics.store(this.#words, LEASE_WALL, wallTicks(aheadMs))
    Atomics.store(this.#words, LEASE_END, toTicks(untilMs))
  }

  /** How long the lease still runs, in ms; zero or less when it is over. */
  leaseLeftMs(nowMs: number): number {
    return ticksBetween(toTicks(nowMs), Atomics.load(this.#words, LEASE_END))
  }

  /** How much of the lease was slept through since it was extended, to a tenth of a second. */
  sleptMs(aheadMs = wallAheadMs()): number {
    return Math.max(0, ticksBetween(Atomics.load(this.#words, LEASE_WALL), wallTicks(aheadMs)) * WALL_TICK_MS)
  }

  /**
   * Main: it has looked how long handlers have run.
   *
   * @param frozenForMs for how long the process stood still since the last look
   * @param dueMs when the next look is due (monotonic). Written last and read first: who reads in between counts a freeze twice,
   *   and nobody misses one
   */
  looked(frozenForMs: number, dueMs: number): void {
    Atomics.add(this.#words, STOOD_STILL, toTicks(frozenForMs))
    Atomics.store(this.#words, LOOK_DUE, toTicks(dueMs))
  }

  /**
   * For how long the process has stood still since the incarnation began. A thread that wakes up before main reckons as main
   * will when it looks.
   */
  stoodStillMs(nowMs: number): number {
    const due = Atomics.load(this.#words, LOOK_DUE)
    const seenMs = Atomics.load(this.#words, STOOD_STILL)
    return seenMs + frozenMs(ticksBetween(due, toTicks(nowMs)))
  }

  /** Thread: a handler begins. The partition is written last, so a reader never sees a half-written flight. */
  begin(row: number, partitionId: number, offset: number, attempt: number, nowMs: number): void {
    const at = HEADER_WORDS + row * FLIGHT_WORDS
    Atomics.store(this.#offsets, row, BigInt(offset))
    Atomics.store(this.#words, at + FLIGHT_STARTED, toTicks(nowMs))
    Atomics.store(this.#words, at + FLIGHT_ATTEMPT, attempt)
    Atomics.store(this.#words, at + FLIGHT_PARTITION, partitionId + 1)
  }

  /** Thread: the handler of this row came back. Call it after the page says how far its partition is finished now. */
  end(row: number): void {
    Atomics.store(this.#words, HEADER_WORDS + row * FLIGHT_WORDS + FLIGHT_PARTITION, 0)
  }

  /** Everything in flight now. */
  flights(nowMs: number = monotonicMs()): Flight[] {
    const flights: Flight[] = []
    for (let row = 0; row < this.rows; row++) {
      const at = HEADER_WORDS + row * FLIGHT_WORDS
      const partition = Atomics.load(this.#words, at + FLIGHT_PARTITION)
      if (partition === 0) continue
      flights.push({
        partitionId: partition - 1,
        offset: Atomics.load(this.#offsets, row),
        attempt: Atomics.load(this.#words, at + FLIGHT_ATTEMPT),
        runningMs: ticksBetween(Atomics.load(this.#words, at + FLIGHT_STARTED), toTicks(nowMs)),
      })
    }
    return flights
  }

  /** Thread: `setup` or `teardown` is about to be called. Its name is written last. */
  beginHook(name: HookName, nowMs: number): void {
    Atomics.store(this.#words, HOOK_STARTED, toTicks(nowMs))
    Atomics.store(this.#words, HOOK, HOOKS.indexOf(name) + 1)
  }

  /** Thread: it came back. */
  endHook(): void {
    Atomics.store(this.#words, HOOK, 0)
  }

  /** Which hook runs now; null when none does. */
  hook(nowMs: number = monotonicMs()): RunningHook | null {
    const name = HOOKS[Atomics.load(this.#words, HOOK) - 1]
    if (name === undefined) return null
    return { name, runningMs: ticksBetween(Atomics.load(this.#words, HOOK_STARTED), toTicks(nowMs)) }
  }

  /**
   * Thread: a batch is about to be decoded. The partition is written last, as with flights.
   *
   * @param waits whether a codec is awaited, so that handlers go on meanwhile
   */
  beginDecoding(partitionId: number, first: number, last: number, waits = false): void {
    Atomics.store(this.#offsets, this.rows, BigInt(first))
    Atomics.store(this.#offsets, this.rows + 1, BigInt(last))
    Atomics.store(this.#words, DECODING, waits ? -(partitionId + 1) : partitionId + 1)
  }

  /** Thread: it is decoded, or cannot be. */
  endDecoding(): void {
    Atomics.store(this.#words, DECODING, 0)
  }

  /** The batch that is decoded now; null when none is. */
  get decoding(): DecodedBatch | null {
    const partition = Atomics.load(this.#words, DECODING)
    if (partition === 0) return null
    const first = Atomics.load(this.#offsets, this.rows)
    const last = Atomics.load(this.#offsets, this.rows + 1)
    return { partitionId: Math.abs(partition) - 1, first, last, waits: partition < 0 }
  }

  /** Thread: how much memory it takes. It says so about once a second, unless something keeps its event loop. */
  noteMemory({ heapUsed, heapLimit, external }: ThreadMemory, fill: HeapFill, nowMs: number): void {
    Atomics.store(this.#words, HEAP_USED, heapUsed / KIB)
    Atomics.store(this.#words, EXTERNAL, external / KIB)
    Atomics.store(this.#words, HEAP_FILL, FILLS.indexOf(fill))
    Atomics.store(this.#words, HEAP_LIMIT, heapLimit / KIB)
    Atomics.store(this.#words, SPOKE_AT, toTicks(nowMs) || 1)
  }

  /** For how long the thread has not said how much memory it takes; 0 before the first time. */
  silentMs(nowMs: number): number {
    const spokeAt = Atomics.load(this.#words, SPOKE_AT)
    return spokeAt === 0 ? 0 : ticksBetween(spokeAt, toTicks(nowMs))
  }

  /** Null until the thread has noted it. */
  get memory(): ThreadMemory | null {
    const bytes = (word: number): number => (Atomics.load(this.#words, word) >>> 0) * KIB
    const heapLimit = bytes(HEAP_LIMIT)
    return heapLimit === 0 ? null : { heapUsed: bytes(HEAP_USED), heapLimit, external: bytes(EXTERNAL) }
  }

  get heapFill(): HeapFill {
    return FILLS[Atomics.load(this.#words, HEAP_FILL)] ?? 'fine'
  }

  /** Thread: one more message finished (handled, or skipped); main counts those with a dead letter. */
  countFinished(): void {
    this.#count(FINISHED)
  }

  /** Thread: a message is exhausted: every attempt failed. */
  countFailed(): void {
    this.#count(FAILED)
  }

  /** Thread: a failed attempt will be tried again. */
  countRetried(): void {
    this.#count(RETRIED)
  }

  /** Thread: a handler failed after it was told to give up: its message was not finished. */
  countGivenUp(): void {
    Atomics.add(this.#words, GIVEN_UP, 1)
  }

  /** How many messages handlers gave up because the slot stops. */
  get givenUp(): number {
    return Atomics.load(this.#words, GIVEN_UP)
  }

  get counters(): Counters {
    return {
      finished: this.#counted(FINISHED),
      failed: this.#counted(FAILED),
      retried: this.#counted(RETRIED),
    }
  }

  /** What the thread counts for metrics. */
  get tally(): Tally {
    return this.#tally
  }

  /** Thread: it comes to its end, so whoever reads notes is to have all of the tally. */
  noteTally(): void {}

  /** Thread: what a note says of a row, and of the whole. */
  protected noteDown(row: number, { words, longs }: Note): void {
    const at = HEADER_WORDS + row * FLIGHT_WORDS
    for (let n = 0; n < SAID_BY_THREAD.length; n++) {
      words[NOTE_BEGIN + n] = this.#words[SAID_BY_THREAD[n] as number] as number
    }
    words[NOTE_ROW + FLIGHT_PARTITION] = this.#words[at + FLIGHT_PARTITION] as number
    words[NOTE_ROW + FLIGHT_STARTED] = this.#words[at + FLIGHT_STARTED] as number
    words[NOTE_ROW + FLIGHT_ATTEMPT] = this.#words[at + FLIGHT_ATTEMPT] as number
    longs[NOTE_OFFSET] = this.#offsets[row] as bigint
  }

  /** Main: takes over what a note says of a row. */
  protected takeRow(row: number, { words, longs }: Note): void {
    const at = HEADER_WORDS + row * FLIGHT_WORDS
    this.#words[at + FLIGHT_PARTITION] = words[NOTE_ROW + FLIGHT_PARTITION] as number
    this.#words[at + FLIGHT_STARTED] = words[NOTE_ROW + FLIGHT_STARTED] as number
    this.#words[at + FLIGHT_ATTEMPT] = words[NOTE_ROW + FLIGHT_ATTEMPT] as number
    this.#offsets[row] = longs[NOTE_OFFSET] as bigint
  }

  /** Main: takes over what a note says of the whole. */
  protected takeWhole({ words }: Note): void {
    SAID_BY_THREAD.forEach((word, n) => {
      this.#words[word] = words[NOTE_BEGIN + n] as number
    })
  }

  /** How many notes say all that the thread says in a ledger of so many rows: one for each, one for the rest, and the tally. */
  static notesFor(rows: number): number {
    return rows + 1 + TALLY_NOTES
  }

  /** How many there are of the tally. */
  protected static readonly tallyNotes = TALLY_NOTES

  /** Thread: one of the notes of the tally. */
  protected noteDownTally(place: number, { longs }: Note): void {
    const from = place * NOTE_CELLS
    for (let n = 0; n < NOTE_CELLS; n++) longs[NOTE_CELLS_AT + n] = this.#cells[from + n] ?? 0n
  }

  /** Main: takes over what one of them says. */
  protected takeTally(place: number, { longs }: Note): void {
    const cells = Math.min(NOTE_CELLS, Tally.cells - place * NOTE_CELLS)
    for (let n = 0; n < cells; n++) this.#cells[place * NOTE_CELLS + n] = longs[NOTE_CELLS_AT + n] as bigint
  }

  /** Thread: the last note. */
  protected noteDownRest({ words, longs }: Note): void {
    SELDOM_SAID.forEach((word, n) => {
      words[NOTE_BEGIN + n] = this.#words[word] as number
    })
    for (let n = 0; n < DECODING_OFFSETS; n++) longs[NOTE_DECODING + n] = this.#offsets[this.rows + n] as bigint
  }

  /** Main: takes over what the last note says. */
  protected takeRest({ words, longs }: Note): void {
    SELDOM_SAID.forEach((word, n) => {
      this.#words[word] = words[NOTE_BEGIN + n] as number
    })
    for (let n = 0; n < DECODING_OFFSETS; n++) this.#offsets[this.rows + n] = longs[NOTE_DECODING + n] as bigint
  }

  /** 32 bits that wrap, and a second word that counts their halves (2³¹ messages, eight minutes at full speed). */
  #count(counter: number): void {
    const before = Atomics.add(this.#words, counter, 1)
    if ((before & (HALF - 1)) === HALF - 1) Atomics.add(this.#words, counter + HALVES, 1)
  }

  /**
   * The highest bit of a counter says whether the number of its halves is odd, so a reader that comes between the two steps of
   * the writer, in either order, knows that one is missing.
   */
  #counted(counter: number): number {
    const halves = Atomics.load(this.#words, counter + HALVES) >>> 0
    const low = Atomics.load(this.#words, counter) >>> 0
    const isBehind = halves % 2 !== Math.floor(low / HALF)
    return (halves + (isBehind ? 1 : 0)) * HALF + (low % HALF)
  }
}
