import { NO_EPOCH } from '../kafka/metadata.js'
import { ticksBetween, toTicks } from '../util/clock.js'
import { NOTE_BEGIN, type Note } from './note.js'

const FINISHED_UP_TO = 0
const POSITION = 1
const END = 2
const BATCH_BYTES = 3
const PAGE_OFFSETS = 4

const REVOKED = 0
const RETRY_AT = 1
const EPOCH = 2
const PAGE_WORDS = 3

const PAGE_BYTES = PAGE_OFFSETS * 8 + PAGE_WORDS * 4

/** Where a note of a partition has the offsets, and the words behind them. */
const NOTE_OFFSETS = NOTE_BEGIN / 2
const NOTE_WORDS = NOTE_BEGIN + PAGE_OFFSETS * 2

/** The end of a partition of which nobody knows it. */
export const NO_END = -1

/** Where the thread of a page is in another process. */
export interface PageSource {
  /** Sees that the page says what the thread has said last. */
  look(): void
  /** Has the thread's own page say what main has just said. */
  revoked(index: number): void
  sawEnd(index: number, end: bigint): void
}

/** The pages that were made here, by their memory, which is what is handed on. */
const MADE_HERE = new WeakMap<SharedArrayBuffer, Page>()

/** Shared memory of the partitions that one assignment added. A partition's place on it is its `index`. */
export class Page {
  readonly buffer: SharedArrayBuffer
  readonly size: number
  readonly #offsets: BigInt64Array
  readonly #words: Int32Array
  #source: PageSource | null = null

  protected constructor(buffer: SharedArrayBuffer, size = buffer.byteLength / PAGE_BYTES) {
    this.buffer = buffer
    this.size = size
    this.#offsets = new BigInt64Array(buffer, 0, size * PAGE_OFFSETS)
    this.#words = new Int32Array(buffer, size * PAGE_OFFSETS * 8, size * PAGE_WORDS)
  }

  /**
   * @param startOffsets for each partition, by index, the offset of the first message that is not finished
   * @param epochs the leader epochs that belong to these offsets @default NO_EPOCH for each
   */
  static create(startOffsets: readonly bigint[], epochs: readonly number[] = []): Page {
    const size = startOffsets.length
    const page = new Page(new SharedArrayBuffer(size * PAGE_BYTES), size)
    startOffsets.forEach((offset, index) => {
      page.#words[index * PAGE_WORDS + EPOCH] = epochs[index] ?? NO_EPOCH
      page.#offsets[index * PAGE_OFFSETS + FINISHED_UP_TO] = offset
      page.#offsets[index * PAGE_OFFSETS + POSITION] = offset
      page.#offsets[index * PAGE_OFFSETS + END] = BigInt(NO_END)
    })
    MADE_HERE.set(page.buffer, page)
    return page
  }

  static from(buffer: SharedArrayBuffer): Page {
    return new Page(buffer)
  }

  /** The page that {@link create} made of this memory in this thread. */
  static madeOf(buffer: SharedArrayBuffer): Page | undefined {
    return MADE_HERE.get(buffer)
  }

  /** Main: from now on it says what the thread says there; with null what it says now. */
  follow(source: PageSource | null): void {
    this.#source = source
  }

  /** The lowest offset that is not finished: what may be committed. */
  finishedUpTo(index: number): bigint {
    this.#source?.look()
    return Atomics.load(this.#offsets, index * PAGE_OFFSETS + FINISHED_UP_TO)
  }

  /**
   * Leader epoch that belongs to {@link finishedUpTo}; -1 when it is not known. It is written before the offset, so read it
   * after the offset: the epoch of a later message does no harm, while an earlier one makes the offset look truncated.
   */
  epoch(index: number): number {
    this.#source?.look()
    return Atomics.load(this.#words, index * PAGE_WORDS + EPOCH)
  }

  /** Thread: of the offsets that {@link finish} gets from now on. */
  setEpoch(index: number, epoch: number): void {
    Atomics.store(this.#words, index * PAGE_WORDS + EPOCH, epoch)
  }

  /** Thread: everything below `offset` is finished. */
  finish(index: number, offset: number): void {
    Atomics.store(this.#offsets, index * PAGE_OFFSETS + FINISHED_UP_TO, BigInt(offset))
  }

  /**
   * Main: the message at `offset` is finished, which its thread waits for. Not when the thread has gone back meanwhile.
   *
   * @returns whether that was what the thread waited for
   */
  finishAt(index: number, offset: bigint): boolean {
    this.#source?.look()
    return Atomics.compareExchange(this.#offsets, index * PAGE_OFFSETS + FINISHED_UP_TO, offset, offset + 1n) === offset
  }

  /** The next offset to fetch. */
  position(index: number): bigint {
    this.#source?.look()
    return Atomics.load(this.#offsets, index * PAGE_OFFSETS + POSITION)
  }

  /** Where what may be read of the partition ended when it was last fetched; -1 before the first fetch. */
  end(index: number): bigint {
    this.#source?.look()
    return Atomics.load(this.#offsets, index * PAGE_OFFSETS + END)
  }

  /** Thread: a fetch answered. */
  fetched(index: number, position: number, end: number): void {
    Atomics.store(this.#offsets, index * PAGE_OFFSETS + POSITION, BigInt(position))
    Atomics.store(this.#offsets, index * PAGE_OFFSETS + END, BigInt(end))
  }

  /** Main: it has asked where what may be read of the partition ends, because nothing of that is fetched just now. */
  sawEnd(index: number, end: bigint): void {
    Atomics.store(this.#offsets, index * PAGE_OFFSETS + END, end)
    this.#source?.sawEnd(index, end)
  }

  /** Thread: the next message failed and is tried again at this moment (monotonic ms); null: nothing waits for that. */
  retryAt(index: number, atMs: number | null): void {
    Atomics.store(this.#words, index * PAGE_WORDS + RETRY_AT, atMs === null ? 0 : toTicks(atMs) || 1)
  }

  /** In how many ms a failed message is tried again; zero or less when nothing waits for that. */
  retryInMs(index: number, nowMs: number): number {
    this.#source?.look()
    const at = Atomics.load(this.#words, index * PAGE_WORDS + RETRY_AT)
    return at === 0 ? 0 : ticksBetween(toTicks(nowMs), at)
  }

  /** The largest record batch that the last Fetch brought, in bytes as it was received; 0 when none is known. */
  batchBytes(index: number): number {
    this.#source?.look()
    return Number(Atomics.load(this.#offsets, index * PAGE_OFFSETS + BATCH_BYTES))
  }

  /** Thread: a Fetch brought batches. Main: the thread before this one saw them. */
  sawBatches(index: number, largestBytes: number): void {
    Atomics.store(this.#offsets, index * PAGE_OFFSETS + BATCH_BYTES, BigInt(largestBytes))
  }

  /** Main: the partition is no longer the slot's; what is in flight on it will not count. Then raise `Control.revoked`. */
  revoke(index: number): void {
    Atomics.store(this.#words, index * PAGE_WORDS + REVOKED, 1)
    this.#source?.revoked(index)
  }

  isRevoked(index: number): boolean {
    return Atomics.load(this.#words, index * PAGE_WORDS + REVOKED) === 1
  }
  /** Thread: what a note says of a partition. */
  protected noteDown(index: number, { words, longs }: Note): void {
    for (let n = 0; n < PAGE_OFFSETS; n++) longs[NOTE_OFFSETS + n] = this.#offsets[index * PAGE_OFFSETS + n] as bigint
    words[NOTE_WORDS + RETRY_AT] = this.#words[index * PAGE_WORDS + RETRY_AT] as number
    words[NOTE_WORDS + EPOCH] = this.#words[index * PAGE_WORDS + EPOCH] as number
  }

  /**
   * Main: takes over what a note says of a partition.
   *
   * @param finished whether also how far it is finished: not when that is as it was, for main may have finished a message since
   */
  take(index: number, { words, longs }: Note, finished: boolean): void {
    const from = finished ? FINISHED_UP_TO : POSITION
    for (let n = from; n < PAGE_OFFSETS; n++)
      this.#offsets[index * PAGE_OFFSETS + n] = longs[NOTE_OFFSETS + n] as bigint
    this.#words[index * PAGE_WORDS + RETRY_AT] = words[NOTE_WORDS + RETRY_AT] as number
    this.#words[index * PAGE_WORDS + EPOCH] = words[NOTE_WORDS + EPOCH] as number
  }
}

/** The word of a note that grows with each {@link Page.finish}: by it main knows that the thread has written since. */
export const NOTE_FINISHES = NOTE_WORDS + PAGE_WORDS
