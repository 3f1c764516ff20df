import type { Logger } from 'pino'
import { Episode } from '../../util/episode.js'
import type { Partition } from '../partition.js'

export interface TroubleNote {
  /** What is taken for the same trouble: an error's name, or whatever else groups well. */
  readonly cause: string
  readonly reason: string
  readonly message: string
  /** @default 'warn' */
  readonly level?: 'warn' | 'error'
}

interface Trouble {
  readonly episode: Episode
  readonly partitions: Set<Partition>
}

/**
 * Says which partitions cannot be fetched and why: for each cause one line when it begins, one a minute while it lasts,
 * and one when the last of its partitions is fetched again, however often each of them fails. The rest goes to `debug`.
 */
export class Troubles {
  readonly #log: Logger
  readonly #now: () => number
  readonly #byCause = new Map<string, Trouble>()
  readonly #causes = new Map<Partition, string>()

  constructor(log: Logger, now: () => number) {
    this.#log = log
    this.#now = now
  }

  /** It happens to these partitions (still). */
  note(partitions: readonly Partition[], { cause, reason, message, level = 'warn' }: TroubleNote): void {
    const trouble = this.#byCause.get(cause) ?? { episode: new Episode(), partitions: new Set() }
    this.#byCause.set(cause, trouble)
    for (const partition of trouble.partitions) if (partition.dropped) this.#forget(partition, trouble)
    for (const partition of partitions) {
      if (this.#causes.get(partition) !== cause) this.over(partition)
      this.#causes.set(partition, cause)
      trouble.partitions.add(partition)
    }
    const word = trouble.episode.happened(this.#now())
    const some = [...trouble.partitions].slice(0, 10).map(({ key }) => key)
    this.#log[word === null ? 'debug' : level]({ partitions: some, reason }, message)
  }

  /** This partition is fetched again. */
  over(partition: Partition): void {
    const cause = this.#causes.get(partition)
    const trouble = cause === undefined ? undefined : this.#byCause.get(cause)
    if (trouble === undefined) return
    this.#forget(partition, trouble)
    for (const other of trouble.partitions) if (other.dropped) this.#forget(other, trouble)
    if (trouble.partitions.size > 0) return
    const afterMs = trouble.episode.ended(this.#now())
    if (afterMs !== null) this.#log.info({ reason: cause, afterMs: Math.round(afterMs) }, `no longer: ${cause}`)
  }

  #forget(partition: Partition, trouble: Trouble): void {
    trouble.partitions.delete(partition)
    this.#causes.delete(partition)
  }
}
