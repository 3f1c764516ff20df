import type { Logger } from 'pino'
import type { SlotConfig } from '../../config/resolved.js'
import { ErrorCode, PoolError } from '../../errors.js'
import { adviceOn } from '../../kafka/brokers/refusal-advice.js'
import type { KafkaError } from '../../kafka/kafka-error.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import type { LogClient } from '../../kafka/offsets.js'
import { doubled } from '../../util/backoff.js'
import { monotonicMs } from '../../util/clock.js'
import { partitionName } from '../../util/partition-name.js'
import { sleep } from '../../util/timers.js'
import { finishedUpTo, type Holder, type Holding, type Holdings, isStoredFrom } from '../holdings.js'
import type { Pause } from '../pauses.js'
import { findOffset } from './find-offset.js'
import type { ReadTarget } from './seek-target.js'

export interface SeekingOptions {
  readonly config: SlotConfig
  readonly holdings: Holdings
  readonly incarnations: Pick<Holder, 'hand'>
  readonly client: Pick<LogClient, 'listOffsets'>
  /** Commits what is finished by then. Never rejects. */
  readonly commit: () => Promise<void>
  /** Why it was not stored, when so many tries have shown that the broker will not store it. */
  readonly refusalOf: (partition: TopicPartition, tries: number) => KafkaError | null
  readonly report: { resumed(holding: Holding, pause: Pause, nowMs: number): void }
  readonly log: Logger
}

/**
 * Lets a partition of one slot go on elsewhere, as if it had been taken away and come back: what is in flight there does not
 * count, and a commit that has begun before is over before the new position is committed.
 */
export class Seeking {
  readonly #options: SeekingOptions
  readonly #closing = new AbortController()
  #othersStay = false

  constructor(options: SeekingOptions) {
    this.#options = options
  }

  /**
   * Resolves with the offset when it is committed.
   *
   * @throws {@link PoolError} when the partition is not held, or not held any more before that; or when the broker refuses to
   *   store the offset: the partition goes on there all the same
   */
  async seek({ topic, partition }: TopicPartition, target: ReadTarget): Promise<bigint> {
    const { config, holdings, incarnations, client, report, log } = this.#options
    const where = { topic, partition }
    const isClosed = (): boolean => this.#closing.signal.aborted
    const offset = await findOffset(client, where, target, config.consumer.readUncommitted).catch((error: unknown) => {
      if (isClosed()) return null // and so is the client that was asked
      throw error
    })
    if (isClosed() || offset === null) throw this.#othersStay ? notHeld(where) : stopped(where)
    const gone = holdings.goTo({ ...where, offset })
    if (gone === null) throw notHeld(where)
    const { before, holding, handout } = gone
    log.info({ ...where, from: String(finishedUpTo(before)), to: String(offset) }, 'goes on elsewhere, by pool.seek()')
    if (before.paused !== null) report.resumed(holding, before.paused, monotonicMs())
    void incarnations.hand(handout, [before.id])
    await this.#committed(holding, offset)
    return offset
  }

  /**
   * The slot has stopped: what is not committed will not be.
   *
   * @param othersStay whether the pool goes on without it, and others have its partitions
   */
  close(othersStay: boolean): void {
    this.#othersStay = othersStay
    this.#closing.abort()
  }

  async #committed(holding: Holding, offset: bigint): Promise<void> {
    const { holdings, commit, refusalOf } = this.#options
    const { signal } = this.#closing
    const where = { topic: holding.topic, partition: holding.partition }
    for (let tries = 0; ; tries++) {
      await commit()
      if (isStoredFrom(holding, offset)) return
      const isOver = signal.aborted
      if (isOver && !this.#othersStay) throw stopped(where)
      if (isOver || holdings.byId(holding.id) !== holding) throw takenAway(where, offset, holding.committed)
      const refusal = refusalOf(holding, tries + 1)
      if (refusal !== null) throw refused(where, offset, holding.committed, refusal)
      await sleep(doubled(25, tries, 1_000), { signal }).catch(() => {})
    }
  }
}

export const stopped = (where: TopicPartition): PoolError => {
  const message = `the pool was stopped before the new position of ${partitionName(where)} was committed`
  return new PoolError(ErrorCode.poolStopped, message, where)
}

export const notHeld = (where: TopicPartition): PoolError =>
  new PoolError(
    ErrorCode.partitionNotHeld,
    `this pool does not hold ${partitionName(where)} now: another member of the group has it, or it is being moved. Seek where it is, or when group:assigned says that it has come`,
    where,
  )

const begins = (committed: bigint): string => (committed < 0n ? 'where the group begins' : `at ${committed}`)

const refused = (where: TopicPartition, offset: bigint, committed: bigint, cause: KafkaError): PoolError => {
  const message = `${partitionName(where)} goes on at ${offset} in this pool, but the broker refuses to store that: ${cause.message}. ${adviceOn(cause)}; until a later commit is stored, whoever gets the partition begins ${begins(committed)}`
  return new PoolError(ErrorCode.brokerRefused, message, { ...where, offset: String(offset), cause })
}

const takenAway = (where: TopicPartition, offset: bigint, committed: bigint): PoolError => {
  const message = `${partitionName(where)} was taken away, or sent elsewhere by another seek, before its new position ${offset} was committed: whoever has it goes on ${begins(committed)}. Seek again where it is now`
  return new PoolError(ErrorCode.partitionNotHeld, message, { ...where, offset: String(offset) })
}
