import type { Logger } from 'pino'

/** Looks in a row that must find too much: what a moment brings, the next collection of garbage takes away. */
const LOOKS = 2
/** So many for each slot without the process coming below its limit even once, and it is of no use. */
const TRIES_A_SLOT = 2
/** How often one is tried then. */
const HELPLESS_MS = 60_000
/** A thread with a smaller part of the limit is not the cause. */
const LEAST_SHARE = 0.05

const MIB = 2 ** 20
const inMb = (bytes: number): number => Math.round(bytes / MIB)

export interface Taker {
  readonly slot: number
  readonly mayRecycle: boolean
  /** What its thread takes: heap and external. */
  readonly bytes: number
}

/** Decides whose thread is recycled because the process as a whole takes too much memory; Buffers lie outside the heaps. */
export class RssWatch {
  readonly #maxMb: number
  readonly #log: Logger
  #looksOver = 0
  #isRecycling = false
  /** How many were recycled since the process took too much. */
  #tries = 0
  #dueMs = Number.NEGATIVE_INFINITY
  #isHelpless = false

  constructor(maxMb: number, log: Logger) {
    this.#maxMb = maxMb
    this.#log = log
  }

  /**
   * The slot to recycle now, or null.
   *
   * @param rss bytes that the process takes
   */
  look(rss: number, takers: readonly Taker[], nowMs: number): number | null {
    if (inMb(rss) <= this.#maxMb) {
      this.#over(rss)
      return null
    }
    this.#looksOver += 1
    if (this.#looksOver < LOOKS || this.#isRecycling || nowMs < this.#dueMs) return null
    const [greediest] = takers.filter(({ mayRecycle }) => mayRecycle).sort((a, b) => b.bytes - a.bytes)
    const isCause = greediest !== undefined && greediest.bytes >= LEAST_SHARE * this.#maxMb * MIB
    if (!isCause || this.#tries >= TRIES_A_SLOT * takers.length) this.#helpless(rss, greediest, nowMs)
    return isCause ? greediest.slot : null
  }

  /** The thread of that slot is recycled because of it. */
  began(): void {
    this.#isRecycling = true
    this.#tries += 1
  }

  /** Its memory is free, as far as one can know. */
  ended(): void {
    this.#isRecycling = false
  }

  #over(rss: number): void {
    this.#looksOver = 0
    this.#tries = 0
    if (!this.#isHelpless) return
    this.#isHelpless = false
    this.#dueMs = Number.NEGATIVE_INFINITY
    this.#log.info({ rssMb: inMb(rss), maxRssMb: this.#maxMb }, 'the process takes no more than maxRssMb again')
  }

  #helpless(rss: number, greediest: Taker | undefined, nowMs: number): void {
    this.#dueMs = nowMs + HELPLESS_MS
    if (this.#isHelpless) return
    this.#isHelpless = true
    this.#log.error(
      { rssMb: inMb(rss), maxRssMb: this.#maxMb, slot: greediest?.slot, slotMb: greediest && inMb(greediest.bytes) },
      'the process takes more than maxRssMb, and to replace threads does not help. Look for native memory, and for what the main thread keeps; lower workers or resourceLimits.maxOldGenerationSizeMb, or raise maxRssMb (and the memory of the container)',
    )
  }
}
