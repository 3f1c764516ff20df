import { after } from '../../util/timers.js'

/** Somebody who has nothing to wait for any more. */
interface Leaver {
  readonly leaves: boolean
  readonly go: () => void
}

/**
 * When the seats of a pool that stops leave their group. Each that leaves makes the group rebalance, and in a rebalance
 * the partitions of messages in flight may move, which are then handled again. So a seat that is done waits for the other
 * seats of its pool: at first for as long as a rebalance would wait for their handlers too; after that only while the pool
 * is alone in the group, for then nobody waits for what it holds.
 */
export class Departure {
  readonly #isAlone: () => boolean
  readonly #leavers = new Set<Leaver>()
  #missing: number
  #graceEndMs: number | null = null
  #graceIsOver = false
  #timer: NodeJS.Timeout | undefined

  /**
   * @param slots how many will say that they are done
   * @param isAlone whether no member of another pool is in the group
   */
  constructor(slots: number, isAlone: () => boolean) {
    this.#missing = slots
    this.#isAlone = isAlone
  }

  /** So many more (or fewer) will say it. */
  expect(more: number): void {
    this.#missing += more
    this.look()
  }

  /** The pool stops. Who is busy after `graceMs` keeps no others waiting any more. The first call counts. */
  begin(graceMs: number, nowMs: number): void {
    if (this.#graceEndMs !== null) return
    this.#graceEndMs = nowMs + graceMs
    this.#timer = after(() => {
      this.#graceIsOver = true
      this.look()
    }, graceMs)
  }

  /** How long a busy handler may still keep others waiting; all the time there is before the pool stops. */
  graceLeftMs(nowMs: number): number {
    return this.#graceEndMs === null ? Number.POSITIVE_INFINITY : Math.max(0, this.#graceEndMs - nowMs)
  }

  /**
   * One slot is done. Resolves when its seat may go.
   *
   * @param leaves false when it stays in the group as a static member: that makes no rebalance, and its session begins to
   *   run out when it goes, so it goes with the last
   */
  done(leaves: boolean): Promise<void> {
    this.#missing -= 1
    return new Promise((go) => {
      this.#leavers.add({ leaves, go })
      this.look()
    })
  }

  /** Something has changed: the time, or who is in the group. */
  look(): void {
    const all = this.#missing <= 0
    if (all) clearTimeout(this.#timer)
    const early = this.#graceIsOver && !this.#isAlone()
    for (const leaver of this.#leavers) {
      if (!all && !(early && leaver.leaves)) continue
      this.#leavers.delete(leaver)
      leaver.go()
    }
  }
}
