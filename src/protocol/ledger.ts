import { NO_EPOCH } from '../kafka/metadata.js'
import { monotonicMs, ticksBetween, toTicks, wallAheadMs } from '../util/clock.js'

/*
 * The ledger is what two threads share about one incarnation of a slot. This file is its whole layout; nobody else does
 * index arithmetic.
 *
 *   main thread                                   worker thread
 *   control, lease        ──── Ledger ────►        read before every message
 *   read at any time      ◄─── Ledger ─────        counters, handlers in flight, `setup` or `teardown` that runs
 *   revoked flags         ──── Page ──────►        read when the control word says so
 *   commits, lag          ◄─── Page ──────         offset to commit and its epoch, position, end, size of batches
 *   stalls                ◄─── Page ──────         when a failed message is tried again
 *
 * A Ledger belongs to one incarnation and dies with it, so a thread that would not die can never write into the memory
 * of its successor. A Page holds the partitions that one assignment added; a partition that is kept over a rebalance
 * stays on its page.
 */

/** Bits of the control word. Zero means: run. */
export const Control = {
  /** A rebalance with an eager protocol is under way: start no message until told otherwise. */
  pause: 1,
  /** The slot stops: start no message any more. What is in flight may finish. */
  stop: 2,
  /** A partition of some page was revoked: clear this bit, then look at the pages' flags (in that order). */
  revoked: 4,
  /** The time in which the slot stops is nearly over: `context.cancelled` becomes true. */
  giveUp: 8,
} as const

const CONTROL = 0
const LEASE_END = 1
const FINISHED = 2
const FAILED = 3
const RETRIED = 4
/** From each counter to its word of half turns. */
const HALF_TURNS = 3
const LEASE_WALL = 8
const GIVEN_UP = 9
const HOOK = 10
const HOOK_STARTED = 11
/** Even, so that the offsets behind the lanes are aligned. */
const HEADER_WORDS = 12
const HALF_TURN = 2 ** 31

/** Coarse, so that a machine that sleeps for months is no riddle: differences wrap after seven years. */
const WALL_TICK_MS = 100
const wallTicks = (ms: number): number => toTicks(ms / WALL_TICK_MS)

const FLIGHT_PARTITION = 0
const FLIGHT_STARTED = 1
const FLIGHT_ATTEMPT = 2
const FLIGHT_WORDS = 4

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

/** Numbers of messages since the incarnation began. */
export interface Counters {
  readonly finished: number
  readonly failed: number
  readonly retried: number
}

/** Shared memory of one incarnation: control word, lease, counters, handlers in flight, the hook that runs. */
export class Ledger {
  readonly buffer: SharedArrayBuffer
  readonly lanes: number
  readonly #words: Int32Array
  readonly #offsets: BigInt64Array

  private constructor(buffer: SharedArrayBuffer, lanes: number) {
    this.buffer = buffer
    this.lanes = lanes
    const int32Bytes = (HEADER_WORDS + lanes * FLIGHT_WORDS) * 4
    this.#words = new Int32Array(buffer, 0, int32Bytes / 4)
    this.#offsets = new BigInt64Array(buffer, int32Bytes, lanes)
  }

  /** @param lanes how many handlers may be in flight at once (the slot's `concurrency`) */
  static create(lanes: number): Ledger {
    const bytes = (HEADER_WORDS + lanes * FLIGHT_WORDS) * 4 + lanes * 8
    return new Ledger(new SharedArrayBuffer(bytes), lanes)
  }

  static from(buffer: SharedArrayBuffer): Ledger {
    return new Ledger(buffer, (buffer.byteLength - HEADER_WORDS * 4) / (FLIGHT_WORDS * 4 + 8))
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

  /** Thread: a handler begins. The partition is written last, so a reader never sees a half-written flight. */
  begin(lane: number, partitionId: number, offset: number, attempt: number, nowMs: number): void {
    const at = HEADER_WORDS + lane * FLIGHT_WORDS
    Atomics.store(this.#offsets, lane, BigInt(offset))
    Atomics.store(this.#words, at + FLIGHT_STARTED, toTicks(nowMs))
    Atomics.store(this.#words, at + FLIGHT_ATTEMPT, attempt)
    Atomics.store(this.#words, at + FLIGHT_PARTITION, partitionId + 1)
  }

  /** Thread: the handler of this lane came back. Call it after the page holds the new offset to commit. */
  end(lane: number): void {
    Atomics.store(this.#words, HEADER_WORDS + lane * FLIGHT_WORDS + FLIGHT_PARTITION, 0)
  }

  /** When the handler of this lane began (ms before `nowMs`), or `undefined` when none runs there. */
  runningMs(lane: number, nowMs: number): number | undefined {
    const at = HEADER_WORDS + lane * FLIGHT_WORDS
    if (Atomics.load(this.#words, at + FLIGHT_PARTITION) === 0) return undefined
    return ticksBetween(Atomics.load(this.#words, at + FLIGHT_STARTED), toTicks(nowMs))
  }

  /** Everything in flight now. */
  flights(nowMs: number = monotonicMs()): Flight[] {
    const flights: Flight[] = []
    for (let lane = 0; lane < this.lanes; lane++) {
      const at = HEADER_WORDS + lane * FLIGHT_WORDS
      const partition = Atomics.load(this.#words, at + FLIGHT_PARTITION)
      if (partition === 0) continue
      flights.push({
        partitionId: partition - 1,
        offset: Atomics.load(this.#offsets, lane),
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

  /** Thread: one more message finished (handled, or passed over for good). */
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

  /** 32 bits that wrap, and a second word that counts the half turns (2³¹ messages, eight minutes at full speed). */
  #count(counter: number): void {
    const before = Atomics.add(this.#words, counter, 1)
    if ((before & (HALF_TURN - 1)) === HALF_TURN - 1) Atomics.add(this.#words, counter + HALF_TURNS, 1)
  }

  /**
   * The highest bit of a counter says whether its half turns are odd, so a reader that comes between the two steps of
   * the writer, in either order, knows that one is missing.
   */
  #counted(counter: number): number {
    const halfTurns = Atomics.load(this.#words, counter + HALF_TURNS) >>> 0
    const low = Atomics.load(this.#words, counter) >>> 0
    const isBehind = halfTurns % 2 !== Math.floor(low / HALF_TURN)
    return (halfTurns + (isBehind ? 1 : 0)) * HALF_TURN + (low % HALF_TURN)
  }
}

const TO_COMMIT = 0
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
      page.#offsets[index * PAGE_OFFSETS + TO_COMMIT] = offset
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
    return Atomics.load(this.#offsets, index * PAGE_OFFSETS + TO_COMMIT)
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
    Atomics.store(this.#offsets, index * PAGE_OFFSETS + TO_COMMIT, BigInt(offset))
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
