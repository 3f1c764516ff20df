import type { BatchRange, FetchedPartition } from '../../kafka/fetch.js'
import { doubled } from '../../util/backoff.js'
import { partitionName } from '../../util/partition-name.js'
import { after } from '../../util/timers.js'
import type { Partition } from '../partition.js'
import { WakeUp } from '../wake-up.js'
import { bufferLimit } from './buffer-limit.js'
import type { FetchContext } from './fetch-context.js'
import { type FetchOutcome, isGood, passedOver, type RequestedPartition, together } from './fetch-outcome.js'
import {
  type FetchCandidate,
  type FetchPlan,
  fetchWaitMs,
  inTwo,
  type PlannedPartition,
  planFetch,
} from './fetch-plan.js'

type FetchResult = 'brought' | 'empty' | 'failed'

interface Candidate extends FetchCandidate {
  readonly partition: Partition
}

export interface NodeLoopEvents {
  /** Returns whether the answer brought anything. */
  answered(node: number, requested: readonly RequestedPartition[], answer: readonly FetchedPartition[]): boolean
  failed(node: number, requested: readonly RequestedPartition[], error: unknown): void
  /** There is no answer yet, long after the broker should have sent one. It may come still. */
  late(node: number, requested: readonly RequestedPartition[]): void
}

const BUFFER_BYTES = bufferLimit()
/** Messages of a batch at once, where what they came in may have killed a thread: some hundred kilobytes of objects. */
const PIECE_MESSAGES = 4_096
/** An answer is late for which nothing has come for twice the longest wait of a broker and so much longer. */
const LATE_MS = 2_000
/** How long others wait for memory that is held by partitions of which nobody knows when they will move. */
const FULL_MS = 1_000
const LONGEST_PAUSE_MS = 100
/** Turns end far more often than that, and each look goes over all partitions. */
const BETWEEN_LOOKS_MS = 5
/** The same while everybody has enough, which lasts for a second at the present pace. */
const BETWEEN_CALM_LOOKS_MS = 20

const requestFor = ({ candidate: { partition }, maxBytes }: PlannedPartition<Candidate>): RequestedPartition => {
  const { offset, leaderEpoch, piecesUpTo, stopsAt } = partition.fetching
  const inPieces = offset <= piecesUpTo && { mostMessages: PIECE_MESSAGES }
  return { partition, offset, leaderEpoch, maxBytes, stopsAt, ...inPieces }
}

/**
 * Fetches from one broker node, for as long as there is something to fetch from it. The next Fetch leaves as soon as
 * the last answer is stored, before its messages are handled.
 */
export class NodeLoop {
  readonly node: number
  readonly #context: FetchContext
  readonly #events: NodeLoopEvents
  readonly #wakeUp = new WakeUp()
  /** Whoever waits to be asked for, the longest-waiting first. */
  readonly #line = new Set<Partition>()
  #closed = false
  #idleStreak = 0
  #awaitsFirst = false
  /** How many answers in a row brought nothing, although the broker had not waited for anything. */
  #hastyStreak = 0
  /** Since when there has been no room. */
  #fullSinceMs: number | null = null

  constructor(node: number, context: FetchContext, events: NodeLoopEvents) {
    this.node = node
    this.#context = context
    this.#events = events
  }

  /**
   * Returns when no partition is left to be fetched here.
   *
   * @param onEnd called in the same step in which that is decided
   */
  async run(onEnd: () => void): Promise<void> {
    const { consumer } = this.#context
    while (!this.#closed) {
      const { here, bufferBytes } = this.#lineUp()
      if (here.length === 0) {
        onEnd()
        return
      }
      const plan = planFetch(here, { ...consumer, bufferBytes })
      if (plan.wanted.length === 0) {
        await this.#waitForRoom(plan)
        continue
      }
      this.#fullSinceMs = null
      if (plan.wanted.some(({ candidate }) => !candidate.atEnd)) this.#idleStreak = 0
      this.#awaitsFirst = plan.wanted.some(({ candidate }) => candidate.fresh)
      const parts = inTwo(plan)
      // A broker answers one after the other: the second of two, and what comes next, would wait for the first.
      if (parts.length > 1) await this.#fetch(parts, 0)
      else await this.#fetch(parts, fetchWaitMs(plan.leftOut, this.#idleStreak, consumer.maxWaitTimeInMs))
      this.#awaitsFirst = false
    }
  }

  /** A Fetch is under way that is the first for one of its partitions. */
  get awaitsFirst(): boolean {
    return this.#awaitsFirst
  }

  /** A buffer may have room again. */
  wake(): void {
    this.#wakeUp.wake()
  }

  close(): void {
    this.#closed = true
    this.#wakeUp.wake()
  }

  /**
   * The partitions that are fetched here, in line, and their part of the memory: what is held of partitions that nobody
   * fetches is gone from it, and the rest is divided by the number of partitions.
   */
  #lineUp(): { readonly here: readonly Candidate[]; readonly bufferBytes: number } {
    let fetched = 0
    let asideBytes = 0
    for (const partition of this.#context.partitions) {
      const isFetched = partition.node !== null && !partition.fetching.halted && !partition.fetching.resetting
      if (isFetched) fetched++
      else asideBytes += partition.buffer.bytes
      if (!isFetched || partition.node !== this.node) this.#line.delete(partition)
      else if (!this.#line.has(partition)) this.#line.add(partition)
    }
    for (const partition of this.#line) if (partition.dropped) this.#line.delete(partition)
    const here = [...this.#line].map((partition) => this.#candidate(partition))
    // Never less than one: then whoever holds nothing could ask for nothing, not even for one batch at a time.
    const bufferBytes = Math.max(1, (BUFFER_BYTES - asideBytes) * (here.length / Math.max(1, fetched)))
    return { here, bufferBytes }
  }

  #candidate(partition: Partition): Candidate {
    const { buffer, fetching, waits, inFlight } = partition
    fetching.appetite.handled(buffer.handledBytes, !buffer.empty, this.#context.now())
    const { askBytes, enoughBytes, leastBytes, expansion } = fetching.appetite
    return {
      partition,
      heldBytes: buffer.bytes - (inFlight ? (buffer.head?.bytes ?? 0) : 0),
      waitingBytes: buffer.waitingBytes,
      enoughBytes,
      askBytes,
      leastBytes,
      expansion,
      atEnd: fetching.atEnd,
      fresh: fetching.fresh,
      waits,
      cannotMove: waits || inFlight || this.#context.partitions.isBlocked(partition),
    }
  }

  async #waitForRoom({ roomBytes, letGo, isCalm }: FetchPlan<Candidate>): Promise<void> {
    const { now } = this.#context
    const nowMs = now()
    if (roomBytes > 0) {
      this.#fullSinceMs = null
      await this.#wakeUp.wait() // everybody has something
    } else {
      this.#fullSinceMs ??= nowMs
      if (letGo.length > 0 && nowMs - this.#fullSinceMs >= FULL_MS) {
        for (const { partition } of letGo) partition.letGo()
        this.#fullSinceMs = null
        return
      }
      await this.#wakeUp.wait(FULL_MS) // nobody calls when a partition is dropped with its buffer
    }
    const restMs = nowMs + (isCalm ? BETWEEN_CALM_LOOKS_MS : BETWEEN_LOOKS_MS) - now()
    if (restMs > 0) await new Promise<void>((resolve) => after(resolve, restMs))
  }

  async #fetch(parts: readonly FetchPlan<Candidate>[], maxWaitMs: number): Promise<void> {
    const { now } = this.#context
    const sentMs = now()
    const results = await this.#askAndTake(parts, maxWaitMs)
    if (results.includes('failed')) return
    if (results.includes('brought')) {
      this.#idleStreak = 0
      this.#hastyStreak = 0
      return
    }
    this.#idleStreak++
    // A broker that answers "nothing" without having waited would otherwise be asked in a tight loop.
    const isHasty = now() - sentMs < Math.max(1, maxWaitMs / 2)
    this.#hastyStreak = isHasty ? this.#hastyStreak + 1 : 0
    if (isHasty) await this.#wakeUp.wait(doubled(1, this.#hastyStreak, LONGEST_PAUSE_MS))
  }

  /** What comes of the first part is handed on before the second has come. */
  async #askAndTake(parts: readonly FetchPlan<Candidate>[], maxWaitMs: number): Promise<readonly FetchResult[]> {
    const asked = parts.map((part) => ({ part, requested: part.wanted.map(requestFor) }))
    let told = parts.length
    // A broker answers one after the other: with the first of two the second is late, too, and that is told once.
    const late = (at: number) => {
      const untold = asked.slice(at, told).flatMap(({ requested }) => requested)
      told = Math.min(told, at)
      if (untold.length > 0 && !this.#closed) this.#events.late(this.node, untold)
    }
    const [first, second] = asked.map(({ part, requested }, at) =>
      this.#ask(part, requested, maxWaitMs, () => late(at)),
    )
    if (first === undefined) return []
    const early = await first
    if (second === undefined) return [this.#take(early)]
    if (isGood(early)) return [this.#take(early), this.#take(await second)]
    return together(early, await second).map((outcome) => this.#take(outcome))
  }

  async #ask(
    { maxBytes, bringBytes, roomBytes }: FetchPlan<Candidate>,
    requested: readonly RequestedPartition[],
    maxWaitMs: number,
    tell: () => void,
  ): Promise<FetchOutcome> {
    const { client, consumer, now } = this.#context
    const nowMs = now()
    // One rack id for all: a partition that shall not be sent to a follower keeps the others here meanwhile.
    const anyReplica = requested.every(({ partition }) => partition.fetching.replica.isWelcome(nowMs))
    try {
      const answer = await client.fetch(this.node, {
        maxWaitMs,
        minBytes: Math.min(consumer.minBytes, bringBytes),
        maxBytes,
        limitBytes: consumer.maxBytes,
        late: { afterMs: 2 * consumer.maxWaitTimeInMs - maxWaitMs + LATE_MS, tell },
        roomBytes,
        maxDecompressedBytes: consumer.maxDecompressedBytes,
        readUncommitted: consumer.readUncommitted,
        rackId: anyReplica ? consumer.rackId : null,
        partitions: requested.map(({ partition: { id, topic, partition }, leaderEpoch, ...wanted }) => ({
          ...wanted,
          topic,
          partition,
          currentLeaderEpoch: leaderEpoch,
          decoding: (batch) => this.#decoding(id, batch),
        })),
      })
      return { requested, answer }
    } catch (failure) {
      return { requested, failure }
    }
  }

  /** So that main knows of it, should the thread die of it. */
  #decoding(partitionId: number, batch: BatchRange | null): void {
    const { ledger } = this.#context
    if (batch === null) ledger.endDecoding()
    else ledger.beginDecoding(partitionId, batch.first, batch.last, batch.waits)
  }

  #take(outcome: FetchOutcome): FetchResult {
    const { requested } = outcome
    if (this.#closed) return 'failed'
    if ('failure' in outcome) {
      this.#events.failed(this.node, requested, outcome.failure)
      return 'failed'
    }
    this.#moveUp(requested, outcome.answer)
    return this.#events.answered(this.node, requested, outcome.answer) ? 'brought' : 'empty'
  }

  /** Whoever was asked for goes to the end of the line, last of all the one that stood first. */
  #moveUp(requested: readonly RequestedPartition[], answer: readonly FetchedPartition[]): void {
    const answers = new Map(answer.map((fetched) => [partitionName(fetched), fetched]))
    const [first, ...others] = requested
    for (const request of first === undefined ? [] : [...others, first]) {
      const { partition, offset } = request
      const fetched = answers.get(partition.key)
      if (fetched === undefined || (request !== first && passedOver(fetched, offset))) continue
      if (this.#line.delete(partition)) this.#line.add(partition)
    }
  }
}
