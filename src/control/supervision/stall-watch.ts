import type { ConsumerConfig } from '../../config/resolved.js'
import type { Page } from '../../protocol/page.js'
import type { Holding } from '../holdings.js'
import { finishedUpTo, isOnHold, lagOf } from '../holdings.js'
import { isResting } from '../pauses.js'

/** What one look adds at most: a main thread that was held up for long has not seen anything stand still meanwhile. */
const LONGEST_LOOK_MS = 2_000

/** However long the session may be. */
const LONGEST_LIMIT_MS = 300_000

/** For how long a partition may stand still. */
export const stallLimitMs = ({ sessionTimeout }: Pick<ConsumerConfig, 'sessionTimeout'>): number =>
  Math.min(2 * sessionTimeout, LONGEST_LIMIT_MS)

/** Messages wait in a partition that is free to move, or nobody knows because it was never fetched. */
const waits = (holding: Holding, nowMs: number): boolean =>
  holding.deadLetter === null &&
  !isResting(holding.paused) &&
  !isOnHold(holding) &&
  lagOf(holding) !== 0n &&
  holding.page.retryInMs(holding.index, nowMs) <= 0

/** For how long a partition has stood at an offset, with the same thread: each writes to a page of its own. */
interface Standing {
  readonly at: bigint
  readonly page: Page
  readonly forMs: number
}

/**
 * Notices partitions in which messages wait and nothing moves, whatever the reason. It only tells: what holds a message
 * up may be anything, and a thread with its retries is not ended on a guess. (A handler that does not come back has a
 * watch of its own.)
 *
 * Time counts while the slot is free to take a message up: not in a rebalance, and not while a handler is in flight, for
 * then the messages wait for their turn. Those of a partition that cannot be fetched wait for something else, however busy
 * the slot is with others.
 */
export class StallWatch {
  readonly #limitMs: number
  #standings: ReadonlyMap<Holding, Standing> = new Map()
  #lookedAtMs = Number.POSITIVE_INFINITY

  /** @param limitMs for how long a partition may stand still */
  constructor(limitMs: number) {
    this.#limitMs = limitMs
  }

  /** The partitions that had stood still for too long when last looked at. */
  get stalled(): readonly Holding[] {
    return [...this.#standings].filter(([, { forMs }]) => forMs > this.#limitMs).map(([holding]) => holding)
  }

  /**
   * Looks again. Call it about once a second.
   *
   * @param works whether the slot does, as a member of its group
   * @param isBusy whether a handler is in flight
   */
  look(
    holdings: readonly Holding[],
    { works, isBusy }: { readonly works: boolean; readonly isBusy: boolean },
    nowMs: number,
  ): void {
    const sinceLastMs = works ? Math.min(Math.max(nowMs - this.#lookedAtMs, 0), LONGEST_LOOK_MS) : 0
    this.#lookedAtMs = nowMs
    const waiting = holdings.filter((holding) => waits(holding, nowMs))
    this.#standings = new Map(
      waiting.map((holding) => {
        const { page } = holding
        const at = finishedUpTo(holding)
        const before = this.#standings.get(holding)
        const stands = before !== undefined && before.at === at && before.page === page
        const waitedMs = isBusy && lagOf(holding) !== null ? 0 : sinceLastMs
        return [holding, { at, page, forMs: stands ? before.forMs + waitedMs : 0 }]
      }),
    )
  }
}
