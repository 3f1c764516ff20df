import { STARVED_MS, TIMES } from '../times.js'
import { type Episode, type Heard, lastBefore } from './evidence.js'

interface Judged extends Episode {
  readonly atMs: number
  readonly name: string
  readonly isStarved: boolean
}

const BEFORE_ALL = { faults: ['before the first fault'], repeats: 'uncommitted', rebalances: true } as const

/** When some main thread had been held up for too much of a session. */
const starvedAt = (heard: readonly Heard[]): number[] => {
  const late = heard.filter(({ event }) => event === 'late')
  return late.flatMap(({ pid, atMs }) => {
    const ofSession = late.filter(
      (other) => other.pid === pid && other.atMs <= atMs && other.atMs > atMs - TIMES.session,
    )
    const sumMs = ofSession.reduce((sum, { payload }) => sum + Number(payload.lateMs), 0)
    return sumMs > STARVED_MS ? [atMs] : []
  })
}

/**
 * Which fault there was at a time, and what it may do. In an episode in which a main thread got no turn for half a session,
 * because the machine was busy with others, more may be: that is a fault of its own.
 */
export class Episodes {
  readonly #all: readonly Judged[]

  constructor(episodes: readonly Episode[], heard: readonly Heard[]) {
    const late = starvedAt(heard)
    const all = [{ ...BEFORE_ALL, fromMs: Number.NEGATIVE_INFINITY }, ...episodes]
    this.#all = all.map((episode, n) => {
      const toMs = all[n + 1]?.fromMs ?? Number.POSITIVE_INFINITY
      const isStarved = episode.repeats !== 'uncommitted' && late.some((atMs) => atMs >= episode.fromMs && atMs < toMs)
      const more = isStarved ? ({ repeats: 'uncommitted', rebalances: true } as const) : {}
      return { ...episode, ...more, isStarved, atMs: episode.fromMs, name: episode.faults.join(' and ') }
    })
  }

  at(atMs: number): Judged {
    return lastBefore(this.#all, atMs) ?? (this.#all[0] as Judged)
  }

  /** In the list that was given; -1 before the first. */
  indexAt(atMs: number): number {
    return this.#all.indexOf(this.at(atMs)) - 1
  }

  /** In which a main thread got no turn for long. */
  get starved(): number {
    return this.#all.filter(({ isStarved }) => isStarved).length
  }
}
