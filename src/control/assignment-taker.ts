import type { Logger } from 'pino'
import type { SlotConfig } from '../config/resolved.js'
import type { Connection, TopicPartition } from '../kafka/face.js'
import { WakeableSleep } from '../util/wakeable-sleep.js'
import type { Coordinator } from './coordinator.js'
import { type Handout, type Holding, type Holdings, partitionKey, reached } from './holdings.js'
import { retryDelayMs } from './membership.js'
import { committedOffsets, startPositions } from './positions.js'

export interface TakerOptions {
  readonly config: SlotConfig
  readonly holdings: Holdings
  readonly sharedConnection: Connection
  readonly shared: Coordinator
  readonly log: Logger
}

export interface Taken {
  readonly handout: Handout
  readonly added: readonly TopicPartition[]
  /** Partitions that were held, but that somebody else has brought further meanwhile; they are among `added` too. */
  readonly overtaken: readonly Holding[]
}

/**
 * Brings a new assignment into the books: looks up where the added partitions start, for as long as that takes, while
 * the seat goes on with its heartbeats. A newer assignment, or the loss of the membership, cancels it.
 */
export class AssignmentTaker {
  readonly #options: TakerOptions
  readonly #sleep = new WakeableSleep()
  #turn = 0

  constructor(options: TakerOptions) {
    this.#options = options
  }

  cancel(): void {
    this.#turn += 1
    this.#sleep.wake()
  }

  /**
   * @param suspicious generations were missed in between, so a partition that was kept may have been somebody else's
   * @returns null when it was cancelled
   */
  async take(partitions: readonly TopicPartition[], suspicious: boolean): Promise<Taken | null> {
    this.cancel()
    const turn = this.#turn
    for (let failures = 0; turn === this.#turn; failures++) {
      try {
        return await this.#look(partitions, suspicious, () => turn === this.#turn)
      } catch (error) {
        if (turn !== this.#turn) return null
        const { log, config } = this.#options
        const level = failures < 3 ? 'debug' : 'warn'
        log[level](
          { err: error, groupId: config.consumer.groupId },
          'cannot look up the offsets to start from; trying again',
        )
        await this.#sleep.for(retryDelayMs(failures))
      }
    }
    return null
  }

  async #look(
    partitions: readonly TopicPartition[],
    suspicious: boolean,
    current: () => boolean,
  ): Promise<Taken | null> {
    const { config, holdings, sharedConnection, shared } = this.#options
    const unheld = partitions.filter((partition) => !holdings.has(partition))
    const asked = suspicious ? partitions : unheld
    const committed = await committedOffsets(shared, config.consumer.groupId, asked)
    const isOvertaken = (holding: Holding) => (committed.get(partitionKey(holding)) ?? -1n) > reached(holding)
    const added = [...unheld, ...(suspicious ? holdings.all().filter(isOvertaken) : [])]
    const positions = await startPositions(sharedConnection, added, committed, {
      fromBeginning: config.fromBeginning,
      readUncommitted: config.consumer.readUncommitted,
    })
    if (!current()) return null
    const renewed = new Set(added.map(partitionKey))
    const overtaken = holdings.drop((partition) => !renewed.has(partitionKey(partition)))
    return { handout: holdings.add(positions), added: positions, overtaken }
  }
}
