import type { Logger } from 'pino'
import type { SlotConfig } from '../config/resolved.js'
import type { Connection } from '../kafka/face.js'
import { isLed } from '../kafka/leaders.js'
import { type Holding, partitionKey } from './holdings.js'

/** How often is asked; the lag of such a partition is as old as that. */
const ASK_MS = 10_000

/** No Fetch brings news of it: it stands still, or its thread waits before it tries a message again. */
const isUnfetched = (holding: Holding, nowMs: number): boolean =>
  holding.paused !== null || holding.page.retryInMs(holding.index, nowMs) > 0

export interface UnfetchedEndsOptions {
  readonly config: SlotConfig
  readonly connection: Pick<Connection, 'listOffsets' | 'topics'>
  readonly log: Logger
}

/** Asks where partitions end of which nothing is fetched just now, so that their lag grows while they stand still. */
export class UnfetchedEnds {
  readonly #options: UnfetchedEndsOptions
  #isAsking = false
  #askedAtMs = Number.NEGATIVE_INFINITY

  constructor(options: UnfetchedEndsOptions) {
    this.#options = options
  }

  /** Asks if that is due. Call it about once a second. */
  look(holdings: readonly Holding[], nowMs: number): void {
    if (this.#isAsking || nowMs - this.#askedAtMs < ASK_MS) return
    const unfetched = holdings.filter((holding) => isUnfetched(holding, nowMs))
    if (unfetched.length === 0) return
    this.#askedAtMs = nowMs
    this.#isAsking = true
    void this.#ask(unfetched).finally(() => {
      this.#isAsking = false
    })
  }

  async #ask(unfetched: readonly Holding[]): Promise<void> {
    const { config, connection, log } = this.#options
    try {
      const topics = await connection.topics([...new Set(unfetched.map(({ topic }) => topic))])
      // One that has no leader has no end either, and all the others would fail with it.
      const led = unfetched.filter((holding) => isLed(holding, topics))
      if (led.length === 0) return
      const partitions = led.map(({ topic, partition }) => ({ topic, partition }))
      const ends = await connection.listOffsets(partitions, 'latest', config.consumer)
      const found = new Map(ends.map((end) => [partitionKey(end), end.offset]))
      for (const holding of led) {
        const end = found.get(partitionKey(holding))
        if (end !== undefined) holding.page.sawEnd(holding.index, end)
      }
    } catch (error) {
      log.debug({ err: error }, 'could not ask for the lag of partitions that stand still; asking again later')
    }
  }
}
