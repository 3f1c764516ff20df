import type { Logger } from 'pino'
import { KafkaCode } from '../../kafka/error-codes.js'
import type { Membership } from '../../kafka/group.js'
import { KafkaError } from '../../kafka/kafka-error.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import type { TopicPartitionOffset } from '../../kafka/offsets.js'
import { monotonicMs } from '../../util/clock.js'
import { deferred } from '../../util/deferred.js'
import { Episode } from '../../util/episode.js'
import { partitionName } from '../../util/partition-name.js'
import { WakeableSleep } from '../../util/wakeable-sleep.js'
import { within } from '../../util/within.js'
import type { Holdings } from '../holdings.js'
import type { Coordinator } from '../membership/coordinator.js'
import { isAboutMembership, retryDelayMs } from '../membership/reactions.js'

/** How long the last commit waits for the client that the pool shares alone, which may have gone silent. */
const ALONE_MS = 1_000

/** A coordinator that has just taken over may not know all topics. One that it does not know after so many tries is gone. */
const UNKNOWN_TRIES = 5

/** Members of a group that should have none may just be leaving. */
const MEMBERS_TRIES = 5

/** Whether the same commit may be accepted later, after so many tries. */
const mayHelp = (error: unknown, tries: number, isMember: boolean): boolean => {
  if (!(error instanceof KafkaError)) return false
  if (error.code === KafkaCode.unknownTopicOrPartition) return tries < UNKNOWN_TRIES
  if (error.code === KafkaCode.offsetMetadataTooLarge) return tries === 1 // the next one comes without
  // A member that is none any more has nothing to commit.
  if (isAboutMembership(error)) return isMember || tries < MEMBERS_TRIES
  return error.retriable
}

export interface CommitsOptions {
  readonly holdings: Holdings
  /** Over the client that the pool shares. */
  readonly coordinator: Coordinator
  /** The same over the seat's own client; null while that may be busy. */
  readonly seatsCoordinator: () => Coordinator | null
  readonly membership: () => Membership
  /** Whether the coordinator may be told anything in that name. */
  readonly mayCommit: () => boolean
  /** The coordinator has stored all of it. */
  readonly onAccepted: () => void
  /** The coordinator will not have it, or not now. */
  readonly onRefused: (error: unknown) => void
  /** @param tookMs from the begin of the commit to its answer, with all tries */
  readonly onCommitted: (offsets: readonly TopicPartitionOffset[], generation: number, tookMs: number) => void
  readonly log: Logger
}

/**
 * Sends what a slot has finished to the coordinator. One commit at a time; who asks during one gets the next one, so
 * a commit that was asked for always covers everything finished at the time of asking. A failed commit loses nothing:
 * the offsets stay uncommitted and go with the next one.
 */
export class Commits {
  readonly #options: CommitsOptions
  #running: Promise<void> | null = null
  #next: Promise<void> | null = null
  /** Why the last commit left something over. */
  #reasons: readonly unknown[] = []
  /** The same, by partition. */
  #refusals: ReadonlyMap<string, unknown> = new Map()
  /** Resolves for the commit in flight when the slot stops, with how long that may wait alone. */
  #haste = deferred<number>()
  #isLast = false
  /** The last try of the last commit had no answer: the next one begins with the other client. */
  #swaps = false
  readonly #sleep = new WakeableSleep()
  readonly #trouble = new Episode()

  constructor(options: CommitsOptions) {
    this.#options = options
  }

  /** Commits everything that is finished now. Never rejects. */
  now(): Promise<void> {
    if (this.#running === null) {
      this.#running = this.#commit().finally(() => {
        this.#running = null
      })
      return this.#running
    }
    this.#next ??= this.#running.then(() => {
      this.#next = null
      return this.now()
    })
    return this.#next
  }

  /**
   * Why the last commit has not stored what is finished of that partition, when the broker has said so and will say the same
   * again; null when it has, or may store it later.
   *
   * @param tries how often it was committed in vain in a row
   */
  refusalOf(partition: TopicPartition, tries: number): KafkaError | null {
    const error = this.#refusals.get(partitionName(partition))
    return error instanceof KafkaError && !error.unanswered && !mayHelp(error, tries, this.#isMember) ? error : null
  }

  /**
   * The last commit: tries again and again until everything is stored, nothing can help any more (the membership is over,
   * the broker has refused for good), or the deadline has come (monotonic). Never rejects.
   */
  async last(deadlineMs: number): Promise<void> {
    this.#isLast = true
    this.#haste.resolve(Math.min(ALONE_MS, (deadlineMs - monotonicMs()) / 2))
    for (let tries = 1; ; tries++) {
      await within(this.now(), deadlineMs - monotonicMs())
      const leftMs = deadlineMs - monotonicMs()
      if (leftMs <= 0 || !this.#isDue || !this.#reasons.some((reason) => mayHelp(reason, tries, this.#isMember))) return
      await this.#sleep.for(Math.min(retryDelayMs(tries - 1), leftMs))
    }
  }

  get #isDue(): boolean {
    const { holdings, mayCommit } = this.#options
    return mayCommit() && holdings.uncommitted().length > 0
  }

  get #isMember(): boolean {
    return this.#options.membership().memberId !== ''
  }

  async #commit(): Promise<void> {
    const { holdings, membership, log, onCommitted, onAccepted } = this.#options
    const member = membership()
    const offsets = holdings.uncommitted()
    this.#refusals = new Map()
    if (!this.#isDue) return
    const sentAtMs = monotonicMs()
    try {
      const refused = await this.#send(member, offsets)
      const failed = new Set(refused.map(partitionName))
      const stored = offsets.filter((offset) => !failed.has(partitionName(offset)))
      for (const offset of stored) holdings.markCommitted(offset)
      if (stored.length > 0) onCommitted(stored, member.generation, monotonicMs() - sentAtMs)
      const first = refused.find(({ error }) => error.code === KafkaCode.offsetMetadataTooLarge) ?? refused[0]
      this.#reasons = refused.map(({ error }) => error)
      this.#refusals = new Map(refused.map((each) => [partitionName(each), each.error]))
      if (first !== undefined) {
        this.#refused(first.error, refused.length)
        return
      }
      onAccepted()
      const afterMs = this.#trouble.ended(monotonicMs())
      if (afterMs !== null) log.info({ afterMs: Math.round(afterMs) }, 'offsets are committed again')
    } catch (error) {
      if (this.#isLast && error instanceof KafkaError && error.unanswered) this.#swaps = !this.#swaps
      this.#reasons = [error]
      this.#refusals = new Map(offsets.map((each) => [partitionName(each), error]))
      this.#refused(error, offsets.length)
    }
  }

  /**
   * Over the client that the pool shares. When that is silent while the slot stops, over the seat's own as well, which its
   * heartbeats keep alive: what is stored twice is stored once.
   */
  #send(member: Membership, offsets: readonly TopicPartitionOffset[]) {
    let isOver = false
    const over = (way: Coordinator) =>
      way.askPersistently((client, node) => {
        if (isOver) throw new Error('the other way was faster') // again these would take back what was stored since then
        return way.commits.during((limit) => client.commitOffsets(node, member, offsets, limit))
      })
    if (!this.#isLast) this.#haste = deferred()
    const first = over(this.#ways[0])
    const hasty = this.#haste.promise.then(async (aloneMs) => {
      if (await within(first, aloneMs)) return first
      const [, other] = this.#ways
      return other === undefined ? first : Promise.any([first, over(other)])
    })
    return Promise.race([first, hasty]).finally(() => {
      isOver = true
    })
  }

  get #ways(): readonly [Coordinator, Coordinator?] {
    const { coordinator, seatsCoordinator } = this.#options
    const own = seatsCoordinator()
    if (own === null) return [coordinator]
    return this.#swaps ? [own, coordinator] : [coordinator, own]
  }

  #refused(error: unknown, partitions: number): void {
    const { onRefused, log, holdings } = this.#options
    if (error instanceof KafkaError && error.code === KafkaCode.offsetMetadataTooLarge && holdings.takeNoNotes()) {
      const what = 'the broker stores no metadata beside offsets (offset.metadata.max.bytes)'
      log.warn({ err: error }, `${what}, so how often a message has killed is known to this pool alone`)
      return
    }
    const message = 'offsets could not be committed; they go with the next commit'
    onRefused(error)
    if (isAboutMembership(error)) {
      log.debug({ err: error, partitions }, message) // the seat says what there is to say
      return
    }
    log[this.#trouble.happened(monotonicMs()) === null ? 'debug' : 'warn']({ err: error, partitions }, message)
  }
}
