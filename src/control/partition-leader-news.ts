import type { Logger } from 'pino'
import type { ClusterView, MetadataClient } from '../kafka/metadata.js'
import { isLaterLeader } from '../kafka/partition-leaders.js'
import type { LostLeader } from '../protocol/messages.js'
import { monotonicMs } from '../util/clock.js'
import { partitionName } from '../util/partition-name.js'
import { after } from '../util/timers.js'
import { within } from '../util/within.js'

export interface PartitionLeaderNewsOptions {
  /** The one that the pool shares; new incarnations begin with what it has heard. */
  readonly client: MetadataClient
  /** Passes it on to the threads that may hold partitions of these topics. */
  readonly tell: (view: ClusterView) => void
  readonly log: Logger
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 1_000
/** A broker that has not answered by then may be frozen itself: the next look asks another one. */
const LOOK_MS = 2_000
/** A leader for which there is no later one after so long still leads: its node does not answer that thread, or is slow. */
const PATIENCE_MS = 30_000

/**
 * Looks for the leaders that threads have lost, once for all of them. A thread between two of its handlers is told where
 * to go on, when it might need many of its event loop's rare rounds to open a connection, ask, and wait for a leader to be elected; and
 * whoever replaces a thread begins with the leaders of now. (The leader epoch tells which news is later, as in KIP-951.)
 */
export class PartitionLeaderNews {
  readonly #options: PartitionLeaderNewsOptions
  readonly #lost = new Map<string, LostLeader & { readonly sinceMs: number }>()
  #timer: NodeJS.Timeout | undefined
  #looking = false
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #pauseMs = FIRST_PAUSE_MS
  #closed = false

  constructor(options: PartitionLeaderNewsOptions) {
    this.#options = options
  }

  /** A thread has lost these. */
  lost(partitions: readonly LostLeader[]): void {
    const sinceMs = monotonicMs()
    let isNew = false
    for (const partition of partitions) {
      const key = partitionName(partition)
      const before = this.#lost.get(key)
      if (before !== undefined && before.leader === partition.leader && before.leaderEpoch === partition.leaderEpoch)
        continue
      this.#lost.set(key, { ...partition, sinceMs })
      isNew = true
    }
    if (!isNew) return
    this.#pauseMs = FIRST_PAUSE_MS
    this.#schedule()
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#lost.clear()
  }

  #schedule(): void {
    if (this.#closed || this.#looking || this.#lost.size === 0) return
    clearTimeout(this.#timer)
    this.#timer = after(() => void this.#look(), this.#lookedAtMs + this.#pauseMs - monotonicMs())
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const { client, tell, log } = this.#options
    const topics = [...new Set([...this.#lost.values()].map(({ topic }) => topic))]
    this.#looking = true
    try {
      const asked = client.topics(topics)
      if (await within(asked, LOOK_MS)) await asked
      const view = client.view(topics)
      if (!this.#closed && this.#strikeFound(view)) tell(view)
    } catch (error) {
      log.debug({ err: error, topics }, 'could not look up the leaders that threads have lost')
    }
    this.#looking = false
    this.#lookedAtMs = monotonicMs()
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS)
    this.#giveUpOld()
    this.#schedule()
  }

  /** Returns whether there is a later leader for one of them. */
  #strikeFound({ topics }: ClusterView): boolean {
    let found = false
    for (const { topic, partitions } of topics) {
      for (const metadata of partitions) {
        const key = partitionName({ topic, partition: metadata.partition })
        const lost = this.#lost.get(key)
        if (lost === undefined || !isLaterLeader(metadata, lost)) continue
        this.#lost.delete(key)
        found = true
      }
    }
    return found
  }

  #giveUpOld(): void {
    const beforeMs = monotonicMs() - PATIENCE_MS
    for (const [key, { sinceMs }] of this.#lost) if (sinceMs < beforeMs) this.#lost.delete(key)
  }
}
