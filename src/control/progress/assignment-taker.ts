import type { Logger } from 'pino'
import type { SlotConfig } from '../../config/resolved.js'
import type { ControlClient } from '../../kafka/client.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import { monotonicMs } from '../../util/clock.js'
import { Episode } from '../../util/episode.js'
import { partitionName } from '../../util/partition-name.js'
import { WakeableSleep } from '../../util/wakeable-sleep.js'
import type { Handout, Holdings, NewHolding } from '../holdings.js'
import type { Coordinator } from '../membership/coordinator.js'
import { Patience } from '../membership/patience.js'
import { retryDelayMs } from '../membership/reactions.js'
import { committedOffsets, startPositions } from './positions.js'
import type { StoredOffsets } from './stored-offsets.js'

export interface TakerOptions {
  readonly config: SlotConfig
  readonly holdings: Holdings
  readonly poolClient: ControlClient
  readonly coordinator: Coordinator
  readonly stored: StoredOffsets
  /** True for a partition that was not there when the pool started: none of its messages may be skipped. */
  readonly isNew: (partition: TopicPartition) => boolean
  readonly log: Logger
}

/** So many look-ups may fail before it is said: a topic that is between two leaders has one again in no time. */
const QUIET_FAILURES = 3

/** A part of an assignment that is held now. */
export interface Taken {
  readonly handout: Handout
  readonly added: readonly TopicPartition[]
  /** Nothing of the assignment is missing any more. */
  readonly complete: boolean
  /** Why something is. */
  readonly missing: unknown
}

/**
 * Brings a new assignment into the holdings: looks up where the added partitions start, for as long as that takes, while
 * the seat goes on with its heartbeats. A newer assignment, or the loss of the membership, cancels it. A partition whose
 * start cannot be found (it has no leader just now) does not keep the others waiting.
 */
export class AssignmentTaker {
  readonly #options: TakerOptions
  readonly #sleep = new WakeableSleep()
  readonly #waiting = new Episode()
  /** Number of the assignment that is being taken. */
  #latest = 0

  constructor(options: TakerOptions) {
    this.#options = options
  }

  cancel(): void {
    this.#latest += 1
    this.#sleep.wake()
  }

  /**
   * Resolves when all is taken, or when it was cancelled.
   *
   * @param onTaken told of each part, and at the least once unless it is cancelled before
   */
  async take(partitions: readonly TopicPartition[], onTaken: (taken: Taken) => void): Promise<void> {
    this.cancel()
    const number = this.#latest
    const isCurrent = () => number === this.#latest
    const patience = new Patience()
    for (let failures = 0; isCurrent(); failures++) {
      let reason: unknown
      try {
        const taken = await this.#look(partitions, isCurrent, patience.ms)
        if (taken === null) return
        if (taken.complete || taken.added.length > 0) onTaken(taken)
        if (taken.complete) {
          this.#found()
          return
        }
        reason = taken.missing
      } catch (error) {
        if (!isCurrent()) return
        reason = error
      }
      patience.failed(reason)
      if (failures >= QUIET_FAILURES) this.#wait(partitions, reason)
      await this.#sleep.for(retryDelayMs(failures))
    }
  }

  #wait(partitions: readonly TopicPartition[], reason: unknown): void {
    const { log, config, holdings } = this.#options
    if (this.#waiting.happened(monotonicMs()) === null) return
    const waitsFor = partitions.filter((partition) => !holdings.has(partition)).map(partitionName)
    const message =
      'cannot look up where to start in these partitions, so they are not consumed; asking again and again'
    log.warn({ err: reason, groupId: config.consumer.groupId, waitsFor }, message)
  }

  #announceNew(added: readonly NewHolding[]): void {
    const { log, config } = this.#options
    if (added.length === 0 || config.fromBeginning) return
    const partitions = added.map((holding) => ({ partition: partitionName(holding), offset: String(holding.offset) }))
    const message = 'partitions that came while the pool ran begin at their first message'
    log.info({ groupId: config.consumer.groupId, partitions }, message)
  }

  /** What becomes of it is as it was configured; that it was there, and is not any more, nobody has wished. */
  #announceGone(added: readonly NewHolding[]): void {
    const { log, config, stored, isNew } = this.#options
    const gone = added.flatMap((holding) => {
      if (holding.committed >= 0n) stored.note({ ...holding, offset: holding.committed })
      const had = holding.committed < 0n ? stored.takeGone(holding) : undefined
      return had === undefined || isNew(holding)
        ? []
        : [{ partition: partitionName(holding), had: String(had), offset: String(holding.offset) }]
    })
    if (gone.length === 0) return
    const where = config.fromBeginning ? 'first message, as with fromBeginning' : 'end, since fromBeginning is not set'
    const message = `the offsets that the group had stored are gone (was the group deleted, or have they expired?): these partitions begin at their ${where}`
    log.warn({ groupId: config.consumer.groupId, partitions: gone }, message)
  }

  #found(): void {
    const afterMs = this.#waiting.ended(monotonicMs())
    const { log, config } = this.#options
    if (afterMs !== null) log.info({ groupId: config.consumer.groupId, afterMs }, 'all starts are known now')
  }

  async #look(
    partitions: readonly TopicPartition[],
    isCurrent: () => boolean,
    atMostMs: number,
  ): Promise<Taken | null> {
    const { config, holdings, poolClient, coordinator, isNew } = this.#options
    const wanted = partitions.filter((partition) => !holdings.has(partition))
    const committed = await committedOffsets(coordinator, config.consumer.groupId, wanted, { atMostMs })
    const { starts: added, missing } = await startPositions(poolClient, wanted, committed, {
      fromBeginning: config.fromBeginning,
      isNew,
      readUncommitted: config.consumer.readUncommitted,
      atMostMs,
    })
    if (!isCurrent()) return null
    this.#announceNew(added.filter((holding) => holding.committed < 0n && isNew(holding)))
    this.#announceGone(added)
    return { handout: holdings.add(added), added, complete: added.length === wanted.length, missing }
  }
}
