import { NO_EPOCH, NO_LEADER, type PartitionMetadata, type TopicMetadata } from '../../kafka/metadata.js'
import { isLaterLeader } from '../../kafka/partition-leaders.js'
import type { LostLeader } from '../../protocol/messages.js'
import { backoffMs } from '../../util/backoff.js'
import { groupBy } from '../../util/group-by.js'
import type { Partition } from '../partition.js'
import { WakeUp } from '../wake-up.js'
import type { FetchContext } from './fetch-context.js'
import { isStale } from './position-verdict.js'
import { Troubles } from './troubles.js'

const BACKOFF = { initialDelayMs: 50, maxDelayMs: 2_000 }
const BETWEEN_LOOKUPS_MS = 50
/** Each try costs a line in the broker's log. */
const DENIED_DELAY_MS = 5_000
/** Failures in a row that are no part of ordinary life any more. */
const LOUD_AT = 3
/**
 * Failures after which metadata is believed that is older than what has been read, some half a minute: by then it is of a
 * topic that was made anew, and not from a broker that lags behind.
 */
const STALE_PATIENCE = 20
/** The trouble of a broker that does not answer, whatever it is that it does not answer. */
const NO_ANSWER = 'no answer from the brokers'

/** Why partitions could not be fetched. */
export interface Loss {
  readonly reason: string
  /** What counts as the same trouble in the log. @default the reason */
  readonly cause?: string
  /** Worth a line although it is the first time. */
  readonly loud?: boolean
  /** That the leader leads is not in doubt: nobody else need look for a later one. */
  readonly stillLeads?: boolean
}

export const noAnswer = (reason: string): Loss => ({ reason, cause: NO_ANSWER })

/**
 * Finds out which node leads each partition whose leader is not known, with one metadata request for all of them.
 * A partition that fails again and again waits longer and longer, so a dead broker causes no storm.
 */
export class PartitionLeaderFinder {
  readonly #context: FetchContext
  readonly #onFound: (partition: Partition) => void
  readonly #wakeUp = new WakeUp()
  readonly #troubles: Troubles
  /** What main knew: good for the first partitions, too old for later ones. */
  #guess: readonly TopicMetadata[] | null
  #closed = false

  constructor(context: FetchContext, onFound: (partition: Partition) => void) {
    this.#context = context
    this.#guess = context.knownTopics
    this.#onFound = onFound
    this.#troubles = new Troubles(context.log, context.now)
  }

  async run(): Promise<void> {
    const { partitions, now } = this.#context
    let notBeforeMs = 0
    while (!this.#closed) {
      const unknown = [...partitions].filter(isUnknown)
      if (unknown.length === 0) {
        await this.#wakeUp.wait()
        continue
      }
      if (this.#guess !== null) {
        for (const metadata of this.#guess) this.#follow(metadata, unknown)
        this.#guess = null
        continue
      }
      const dueMs = Math.max(notBeforeMs, Math.min(...unknown.map(({ fetching }) => fetching.dueMs)))
      if (dueMs > now()) {
        await this.#wakeUp.wait(dueMs - now())
        continue
      }
      await this.#lookUp(unknown.filter(({ fetching }) => fetching.dueMs <= dueMs))
      notBeforeMs = now() + BETWEEN_LOOKUPS_MS
    }
  }

  /** There are partitions that nobody has looked up yet. */
  wake(): void {
    this.#wakeUp.wake()
  }

  /** Somebody else has looked: a later leader than the one that is known here is followed at once. */
  told(topics: readonly TopicMetadata[]): void {
    const byTopic = new Map(topics.map(({ topic, partitions }) => [topic, partitions]))
    for (const partition of this.#context.partitions) {
      const { fetching } = partition
      const found = byTopic.get(partition.topic)?.find((each) => each.partition === partition.partition)
      if (found === undefined || fetching.halted || fetching.resetting) continue
      const known = { leader: fetching.lastLeader, leaderEpoch: fetching.leaderEpoch }
      if (isLaterLeader(found, known) && !isStale(found.leaderEpoch ?? NO_EPOCH, fetching)) this.#lead(partition, found)
    }
  }

  /** These could not be fetched: look their leaders up again after a pause that grows with the failures in a row. */
  lost(partitions: readonly Partition[], { reason, cause = reason, loud = false, stillLeads = false }: Loss): void {
    const nowMs = this.#context.now()
    // The same jitter for all of them, so that one request can look them all up.
    const random = Math.random()
    for (const { fetching } of partitions) {
      fetching.leader = null
      fetching.checking = false
      fetching.replica.forget()
      fetching.failures++
      fetching.dueMs = nowMs + backoffMs(fetching.failures, BACKOFF, random)
    }
    const worth = partitions.filter(({ fetching }) => loud || fetching.failures >= LOUD_AT)
    const message = `cannot fetch ${partitions.length} partition(s): ${reason}; looking up their leaders again`
    // For less it is not in doubt what main knows of them.
    for (const partition of worth) partition.loseEnd()
    if (worth.length > 0) this.#troubles.note(worth, { cause, reason, message })
    else this.#context.log.debug({ partitions: partitions.slice(0, 10).map(({ key }) => key), reason }, message)
    if (!stillLeads) this.doubted(partitions)
    this.#wakeUp.wake()
  }

  /** Main looks whether there are later leaders of these. */
  doubted(partitions: readonly Partition[]): void {
    this.#context.post({ type: 'leaders-lost', partitions: partitions.map(lostLeader) })
  }

  /** The cluster does not let us read this topic. */
  denied(topic: string, partitions: readonly Partition[]): void {
    for (const partition of partitions) {
      const { fetching } = partition
      fetching.leader = null
      fetching.checking = false
      fetching.replica.forget()
      fetching.failures++
      fetching.dueMs = this.#context.now() + DENIED_DELAY_MS
      partition.loseEnd()
    }
    const message =
      `not allowed to read topic ${topic}: give this client's user the permissions Read and Describe on it; ` +
      `trying again every ${DENIED_DELAY_MS / 1000} s`
    const cause = `not allowed to read topic ${topic}`
    this.#troubles.note(partitions, { cause, reason: 'TOPIC_AUTHORIZATION_FAILED', message, level: 'error' })
    this.#wakeUp.wake()
  }

  /** A partition was fetched without an error. */
  works(partition: Partition): void {
    if (partition.fetching.failures === 0) return
    partition.fetching.failures = 0
    this.#troubles.over(partition)
  }

  close(): void {
    this.#closed = true
    this.#wakeUp.wake()
  }

  async #lookUp(unknown: readonly Partition[]): Promise<void> {
    const byTopic = groupBy(unknown, ({ topic }) => topic)
    let found: readonly TopicMetadata[]
    try {
      found = await this.#context.client.topics([...byTopic.keys()])
    } catch (error) {
      const still = unknown.filter(isUnknown)
      if (!this.#closed && still.length > 0) this.lost(still, noAnswer(`no metadata (${(error as Error).message})`))
      return
    }
    for (const metadata of found) this.#apply(metadata, byTopic.get(metadata.topic) ?? [])
  }

  #apply(metadata: TopicMetadata, looked: readonly Partition[]): void {
    const unknown = looked.filter(isUnknown)
    if (unknown.length === 0) return
    if (metadata.error === 'TOPIC_AUTHORIZATION_FAILED') {
      this.denied(metadata.topic, unknown)
      return
    }
    this.#follow(metadata, unknown)
    const leaderless = unknown.filter(({ fetching }) => fetching.leader === null)
    if (leaderless.length > 0) this.lost(leaderless, { reason: metadata.error ?? 'LEADER_NOT_AVAILABLE' })
  }

  /** Sends the partitions of this topic to their leaders, as far as it has any. */
  #follow({ topic, partitions }: TopicMetadata, unknown: readonly Partition[]): void {
    const leaders = new Map(partitions.map((found) => [found.partition, found]))
    for (const partition of unknown) {
      const found = leaders.get(partition.partition)
      if (partition.topic !== topic || found === undefined || found.leader === NO_LEADER) continue
      const { fetching } = partition
      if (isStale(found.leaderEpoch ?? NO_EPOCH, fetching) && fetching.failures < STALE_PATIENCE) continue
      this.#lead(partition, found)
    }
  }

  #lead(partition: Partition, { leader, leaderEpoch = NO_EPOCH }: PartitionMetadata): void {
    const { fetching } = partition
    fetching.leader = leader
    fetching.lastLeader = leader
    fetching.leaderEpoch = leaderEpoch
    fetching.checking = false // it was another leader who was asked
    fetching.replica.forget()
    this.#onFound(partition)
  }
}

/** Look again after each wait: main may have been faster, and partitions may be gone. */
const isUnknown = ({ fetching }: Partition): boolean => fetching.leader === null && !fetching.halted

const lostLeader = ({ topic, partition, fetching }: Partition): LostLeader => ({
  topic,
  partition,
  leader: fetching.lastLeader,
  leaderEpoch: fetching.leaderEpoch,
})
