import type { FetchedPartition } from '../kafka/face.js'
import type { FetchContext } from './fetch-context.js'
import { fetchWaitMs, planFetch } from './fetch-plan.js'
import type { Partition } from './partition.js'
import { WakeUp } from './wake-up.js'

/** One partition as it was asked for in a Fetch. */
export interface RequestedPartition {
  readonly partition: Partition
  readonly offset: number
  readonly maxBytes: number
}

export interface NodeLoopEvents {
  /** Returns whether the answer brought anything. */
  answered(node: number, requested: readonly RequestedPartition[], answer: readonly FetchedPartition[]): boolean
  failed(node: number, requested: readonly RequestedPartition[], error: unknown): void
}

/** Memory for messages that are fetched and not yet handled, all partitions of the slot together. */
const BUFFER_BYTES = 16 * 1024 * 1024
/** What the first Fetch of a partition asks for. */
const FIRST_FETCH_BYTES = 64 * 1024
const LONGEST_PAUSE_MS = 100

/**
 * Fetches from one broker node, for as long as there is something to fetch from it. The next Fetch leaves as soon as
 * the last answer is stored, before its messages are handled.
 */
export class NodeLoop {
  readonly node: number
  readonly #context: FetchContext
  readonly #events: NodeLoopEvents
  readonly #wakeUp = new WakeUp()
  #closed = false
  #turn = 0
  #idleStreak = 0

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
    while (!this.#closed) {
      const here = this.#partitionsHere()
      if (here.length === 0) {
        onEnd()
        return
      }
      const plan = planFetch(here, this.#turn++, {
        bufferBytes: BUFFER_BYTES,
        partitions: this.#context.partitions.countFetching(),
        maxBytesPerPartition: this.#context.consumer.maxBytesPerPartition,
      })
      if (plan.wanted.length === 0) {
        await this.#wakeUp.wait()
        continue
      }
      const requested = plan.wanted.map(({ candidate: { partition }, maxBytes }) => ({
        partition,
        offset: partition.fetching.offset,
        maxBytes: partition.fetching.fresh ? Math.min(maxBytes, FIRST_FETCH_BYTES) : maxBytes,
      }))
      await this.#fetch(requested, fetchWaitMs(plan.leftOut, this.#idleStreak, this.#context.consumer.maxWaitTimeInMs))
    }
  }

  /** A buffer has room again. */
  wake(): void {
    this.#idleStreak = 0
    this.#wakeUp.wake()
  }

  close(): void {
    this.#closed = true
    this.#wakeUp.wake()
  }

  #partitionsHere(): { partition: Partition; bufferedBytes: number; expansion: number }[] {
    const here = []
    for (const partition of this.#context.partitions) {
      const { fetching, buffer } = partition
      if (partition.node !== this.node || fetching.halted || fetching.resetting) continue
      here.push({ partition, bufferedBytes: buffer.bytes, expansion: fetching.expansion })
    }
    return here
  }

  async #fetch(requested: readonly RequestedPartition[], maxWaitMs: number): Promise<void> {
    const { connection, consumer, now } = this.#context
    const sentMs = now()
    // One rack id for all: a partition that shall not be sent to a follower keeps the others here meanwhile.
    const anyReplica = requested.every(({ partition }) => partition.fetching.replica.isWelcome(sentMs))
    let answer: readonly FetchedPartition[]
    try {
      answer = await connection.fetch(this.node, {
        maxWaitMs,
        minBytes: consumer.minBytes,
        maxBytes: consumer.maxBytes,
        maxDecompressedBytes: consumer.maxDecompressedBytes,
        readUncommitted: consumer.readUncommitted,
        rackId: anyReplica ? consumer.rackId : null,
        partitions: requested.map(({ partition: { topic, partition, fetching }, offset, maxBytes }) => ({
          topic,
          partition,
          offset,
          maxBytes,
          currentLeaderEpoch: fetching.leaderEpoch,
        })),
      })
    } catch (error) {
      if (!this.#closed) this.#events.failed(this.node, requested, error)
      return
    }
    if (this.#closed) return
    if (this.#events.answered(this.node, requested, answer)) {
      this.#idleStreak = 0
      return
    }
    this.#idleStreak++
    // A broker that answers "nothing" without having waited would otherwise be asked in a tight loop.
    if (now() - sentMs < Math.max(1, maxWaitMs / 2)) {
      await this.#wakeUp.wait(Math.min(LONGEST_PAUSE_MS, 2 ** Math.min(this.#idleStreak, 10)))
    }
  }
}
