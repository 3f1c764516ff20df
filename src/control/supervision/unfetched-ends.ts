import type { Logger } from 'pino'
import type { SlotConfig } from '../../config/resolved.js'
import type { ControlClient } from '../../kafka/client.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import { isLed, leadersOf } from '../../kafka/partition-leaders.js'
import { partitionName } from '../../util/partition-name.js'
import { type Holding, isOnHold, lagOf } from '../holdings.js'

/** How often is asked; the lag of such a partition is as old as that. */
const ASK_MS = 10_000

/** A thread that says nothing for so long fetches nothing: something keeps its event loop, or it is frozen. */
const SILENT_MS = 10_000

/**
 * No Fetch brings news of it: it stands still, or is paused, or its thread waits before it tries a message again, or has not
 * been able to fetch it.
 */
const isUnfetched = (holding: Holding, nowMs: number): boolean =>
  holding.paused !== null ||
  isOnHold(holding) ||
  holding.page.retryInMs(holding.index, nowMs) > 0 ||
  lagOf(holding) === null

export interface UnfetchedEndsOptions {
  readonly config: SlotConfig
  readonly client: Pick<ControlClient, 'listOffsets' | 'topics'>
  /** For how long the thread has said nothing. */
  readonly silentMs: (nowMs: number) => number
  readonly log: Logger
}

/**
 * Asks where partitions end of which nothing is fetched just now, so that their lag grows while they stand still: without it a
 * thread that something keeps from its work, or that is frozen with its process, would look as if it had nothing to do.
 */
export class UnfetchedEnds {
  readonly #options: UnfetchedEndsOptions
  /** Leaders that have not answered. */
  readonly #asking = new Set<number>()
  #askedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: UnfetchedEndsOptions) {
    this.#options = options
  }

  /** Asks if that is due. Call it about once a second. */
  look(holdings: readonly Holding[], nowMs: number): void {
    if (nowMs - this.#askedAtMs < ASK_MS) return
    const isSilent = this.#options.silentMs(nowMs) > SILENT_MS
    const unfetched = isSilent ? holdings : holdings.filter((holding) => isUnfetched(holding, nowMs))
    if (unfetched.length === 0) return
    this.#askedAtMs = nowMs
    this.#askLeaders(unfetched).catch(this.#failed)
  }

  /** Each apart: one that does not answer keeps nobody from hearing of the others' partitions. */
  async #askLeaders(unfetched: readonly Holding[]): Promise<void> {
    const topics = await this.#options.client.topics([...new Set(unfetched.map(({ topic }) => topic))])
    // One that has no leader has no end either.
    const led = unfetched.filter((holding) => isLed(holding, topics))
    const byKey = new Map(led.map((holding) => [partitionName(holding), holding]))
    for (const [leader, partitions] of leadersOf(led, topics)) {
      if (this.#asking.has(leader)) continue
      this.#asking.add(leader)
      this.#ask(partitions, byKey)
        .catch(this.#failed)
        .finally(() => this.#asking.delete(leader))
    }
  }

  async #ask(led: readonly TopicPartition[], byKey: ReadonlyMap<string, Holding>): Promise<void> {
    const { config, client } = this.#options
    const partitions = led.map(({ topic, partition }) => ({ topic, partition }))
    for (const end of await client.listOffsets(partitions, 'latest', config.consumer)) {
      const holding = byKey.get(partitionName(end))
      holding?.page.sawEnd(holding.index, end.offset)
    }
  }

  readonly #failed = (err: unknown): void =>
    this.#options.log.debug({ err }, 'could not ask for the lag of partitions that stand still; asking again later')
}
