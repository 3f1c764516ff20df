import { STARVED_MS } from '../times.js'
import { type Episode, type Heard, lastBefore } from './evidence.js'

interface Judged extends Episode {
  readonly atMs: number
  readonly name: string
  readonly isStarved: boolean
}

const BEFORE_ALL = { faults: ['before the first fault'], repeats: 'uncommitted', rebalances: true } as const

/**
 * Which fault there was at a time, and what it may do. In an episode in which a main thread got no turn for half a session,
 * because the machine was busy with others, more may be: that is a fault of its own.
 */
export class Episodes {
  readonly #all: readonly Judged[]

  constructor(episodes: readonly Episode[], heard: readonly Heard[]) {
    const late = heard
      .filter(({ event, payload }) => event === 'late' && Number(payload.lateMs) > STARVED_MS)
      .map(({ atMs }) => atMs)
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
