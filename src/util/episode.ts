/** What is to be said of something that happens again and again. */
export type EpisodeWord = 'begins' | 'lasts' | null

const MINUTE_MS = 60_000

/**
 * Keeps what happens again and again from filling the log: one line when it begins, one a minute while it lasts, one
 * when it ends. What comes and goes quickly counts as lasting: its next beginning within the minute is not told,
 * and neither is the end of what was not told.
 *
 * ```ts
 * if (episode.happened(now) !== null) log.warn(…)
 * if (episode.ended(now) !== null) log.info(…)
 * ```
 */
export class Episode {
  readonly #everyMs: number
  #beganMs: number | null = null
  #told = false
  #lastLineMs = Number.NEGATIVE_INFINITY

  /** @param everyMs the least time between two lines that say the same @default a minute */
  constructor(everyMs = MINUTE_MS) {
    this.#everyMs = everyMs
  }

  /** It happens, or happens still. Returns which line is due: its first one, a later one, or none. */
  happened(nowMs: number): EpisodeWord {
    const begins = this.#beganMs === null
    this.#beganMs ??= nowMs
    if (begins) this.#told = false
    if (nowMs - this.#lastLineMs < this.#everyMs) return null
    const word = this.#told ? 'lasts' : 'begins'
    this.#told = true
    this.#lastLineMs = nowMs
    return word
  }

  /** It is over. Returns how long it lasted, in ms, when a line is due; null when nobody was told of it. */
  ended(nowMs: number): number | null {
    const beganMs = this.#beganMs
    this.#beganMs = null
    if (beganMs === null || !this.#told) return null
    this.#told = false
    return nowMs - beganMs
  }
}
