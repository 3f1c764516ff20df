import { NO_EPOCH } from '../kafka/metadata.js'
import { ticksBetween, toTicks } from '../util/clock.js'

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

/** Shared memory of the partitions that one assignment added. A partition's place on it is its `index`. */
export class Page {
  readonly buffer: SharedArrayBuffer
  readonly size: number
  readonly #offsets: BigInt64Array
  readonly #words: Int32Array

  private constructor(buffer: SharedArrayBuffer, size: number) {
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
      page.#offsets[index * PAGE_OFFSETS + END] = -1n
    })
    return page
  }

  static from(buffer: SharedArrayBuffer): Page {
    return new Page(buffer, buffer.byteLength / PAGE_BYTES)
  }

  /** The lowest offset that is not finished: what may be committed. */
  finishedUpTo(index: number): bigint {
    return Atomics.load(this.#offsets, index * PAGE_OFFSETS + FINISHED_UP_TO)
  }

  /**
   * Leader epoch that belongs to {@link finishedUpTo}; -1 when it is not known. It is written before the offset, so read it
   * after the offset: the epoch of a later message does no harm, while an earlier one makes the offset look truncated.
   */
  epoch(index: number): number {
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
    return Atomics.compareExchange(this.#offsets, index * PAGE_OFFSETS + FINISHED_UP_TO, offset, offset + 1n) === offset
  }

  /** The next offset to fetch. */
  position(index: number): bigint {
    return Atomics.load(this.#offsets, index * PAGE_OFFSETS + POSITION)
  }

  /** Where what may be read of the partition ended when it was last fetched; -1 before the first fetch. */
  end(index: number): bigint {
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
  }

  /** Thread: the next message failed and is tried again at this moment (monotonic ms); null: nothing waits for that. */
  retryAt(index: number, atMs: number | null): void {
    Atomics.store(this.#words, index * PAGE_WORDS + RETRY_AT, atMs === null ? 0 : toTicks(atMs) || 1)
  }

  /** In how many ms a failed message is tried again; zero or less when nothing waits for that. */
  retryInMs(index: number, nowMs: number): number {
    const at = Atomics.load(this.#words, index * PAGE_WORDS + RETRY_AT)
    return at === 0 ? 0 : ticksBetween(toTicks(nowMs), at)
  }

  /** The largest record batch that the last Fetch brought, in bytes as it was received; 0 when none is known. */
  batchBytes(index: number): number {
    return Number(Atomics.load(this.#offsets, index * PAGE_OFFSETS + BATCH_BYTES))
  }

  /** Thread: a Fetch brought batches. Main: the thread before this one saw them. */
  sawBatches(index: number, largestBytes: number): void {
    Atomics.store(this.#offsets, index * PAGE_OFFSETS + BATCH_BYTES, BigInt(largestBytes))
  }

  /** Main: the partition is no longer the slot's; what is in flight on it will not count. Then raise `Control.revoked`. */
  revoke(index: number): void {
    Atomics.store(this.#words, index * PAGE_WORDS + REVOKED, 1)
  }

  isRevoked(index: number): boolean {
    return Atomics.load(this.#words, index * PAGE_WORDS + REVOKED) === 1
  }
}
