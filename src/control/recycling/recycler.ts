import type { Logger } from 'pino'
import type { SlotConfig } from '../../config/resolved.js'
import type { Ledger } from '../../protocol/ledger.js'
import type { RecycleReason } from '../../protocol/reports.js'
import { afterFilling, type Filling, type FillingHistory, isAtOnce, NO_FILLINGS, recycleDueMs } from './fillings.js'
import { type Candidate, nextRecycle } from './next-recycle.js'
import { RssWatch } from './rss-watch.js'

/** How often is looked by itself. */
export const RECYCLE_LOOK_MS = 250
/** Limits are shortened by up to this part, at random for each thread: those of slots that began together end apart. */
const SPREAD = 0.2

/** What the recycler needs of a slot. */
export interface RecyclableSlot {
  readonly config: Pick<SlotConfig, 'slot' | 'recycle'>
  readonly mayRecycle: boolean
  readonly isRecycling: boolean
  /** The thread that was recycled last is not gone yet, nor its memory free. */
  readonly isFreeing: boolean
  readonly incarnation: {
    readonly incarnation: number
    readonly ledger: Pick<Ledger, 'memory' | 'heapFill' | 'counters'>
    /** Bytes that its own process takes, if it has one. */
    readonly rss?: number | undefined
  } | null
  recycle(reason: RecycleReason): boolean
}

export interface RecyclerOptions {
  /** They may come and go. */
  readonly slots: readonly RecyclableSlot[]
  /** How many spares are warm. */
  readonly spares: () => number
  /** Bytes that the process takes, with all that belong to it. */
  readonly rss: () => number
  readonly maxRssMb: number
  readonly log: Logger
}

/** What is known of one slot: of the thread that fills it now, and of how full those before it were. */
interface Track {
  readonly slot: RecyclableSlot
  /** The thread that all the rest is about, but for the history. */
  incarnation: number
  sinceMs: number
  limits: Candidate['limits']
  isAsked: boolean
  filling: Filling | null
  history: FillingHistory
  isWarnedOf: boolean
}

const NO_LIMITS = { messages: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY }

const newTrack = (slot: RecyclableSlot): Track => ({
  ...{ slot, incarnation: 0, sinceMs: 0, limits: NO_LIMITS, isAsked: false },
  ...{ filling: null, history: NO_FILLINGS, isWarnedOf: false },
})

const shortened = (limit: number | null): number =>
  limit === null ? Number.POSITIVE_INFINITY : limit * (1 - SPREAD * Math.random())

const bytesOf = ({ incarnation }: RecyclableSlot): number => {
  const { heapUsed = 0, external = 0 } = incarnation?.ledger.memory ?? {}
  return incarnation?.rss ?? heapUsed + external
}

/** Has threads replaced that work, but take too much memory, or have lived for as long as they may: see `nextRecycle`. */
export class Recycler {
  readonly #options: RecyclerOptions
  #tracks: readonly Track[] = []
  readonly #rss: RssWatch
  #greediest: number | null = null
  /** The slot that is recycled because of the process's memory. */
  #relieving: RecyclableSlot | null = null

  constructor(options: RecyclerOptions) {
    this.#options = options
    this.#rss = new RssWatch(options.maxRssMb, options.log)
  }

  /** Has the thread of a slot recycled as soon as a spare is there. @returns false when no thread works there now */
  ask(number: number, nowMs: number): boolean {
    this.#see()
    const track = this.#tracks.find(({ slot }) => slot.config.slot === number)
    if (track === undefined || !track.slot.mayRecycle) return false
    this.#follow(track, nowMs)
    track.isAsked = true
    this.look(nowMs)
    return true
  }

  /** Looks at everything. Call it every {@link RECYCLE_LOOK_MS}. */
  tick(nowMs: number): void {
    this.#see()
    const takers = this.#tracks.map(({ slot }) => ({
      slot: slot.config.slot,
      mayRecycle: slot.mayRecycle,
      bytes: bytesOf(slot),
    }))
    this.#greediest = this.#rss.look(this.#options.rss(), takers, nowMs)
    this.look(nowMs)
  }

  /** Looks whose thread is to be recycled: at once when a heap is full, or a spare warm. */
  look(nowMs: number): void {
    this.#see()
    for (const track of this.#tracks) this.#follow(track, nowMs)
    for (let more = true; more; ) {
      const next = nextRecycle({
        candidates: this.#tracks.map((track) => candidateOf(track, nowMs)),
        hasSpare: this.#options.spares() > 0,
        greediest: this.#greediest,
        nowMs,
      })
      const track = this.#tracks.find(({ slot }) => slot.config.slot === next?.slot)
      more = next !== null && track !== undefined && this.#recycle(track, next.reason, nowMs)
    }
  }

  /** Keeps to the slots that are there. */
  #see(): void {
    const { slots } = this.#options
    const before = this.#tracks
    if (before.length === slots.length && before.every(({ slot }, place) => slot === slots[place])) return
    this.#tracks = slots.map((slot) => before.find((track) => track.slot === slot) ?? newTrack(slot))
    if (this.#relieving !== null && !slots.includes(this.#relieving)) this.#relieved()
  }

  #recycle(track: Track, reason: RecycleReason, nowMs: number): boolean {
    const { slot, history, filling } = track
    if (!slot.recycle(reason)) return false
    track.isAsked = false
    if (reason === 'memory' && filling !== null) track.history = afterFilling(history, filling, nowMs)
    if (reason === 'rss') {
      this.#greediest = null
      this.#relieving = slot
      this.#rss.began()
    }
    return true
  }

  #follow(track: Track, nowMs: number): void {
    const { slot } = track
    if (slot === this.#relieving && !slot.isRecycling && !slot.isFreeing) this.#relieved()
    if (slot.incarnation === null || !slot.mayRecycle) return
    const { incarnation, ledger } = slot.incarnation
    if (incarnation !== track.incarnation) {
      const { afterMessages = null, afterMs = null } = slot.config.recycle
      track.incarnation = incarnation
      track.sinceMs = nowMs
      track.limits = { messages: shortened(afterMessages), ms: shortened(afterMs) }
      track.isAsked = false
      track.filling = null
    }
    if (ledger.heapFill !== 'fine' && track.filling === null) this.#filled(track, ledger, nowMs)
  }

  /** What the slot took is free, or goes with it. */
  #relieved(): void {
    this.#relieving = null
    this.#rss.ended()
  }

  #filled(track: Track, ledger: Pick<Ledger, 'memory' | 'counters'>, nowMs: number): void {
    const { finished } = ledger.counters
    track.filling = { finished, livedMs: nowMs - track.sinceMs }
    if (!isAtOnce(track.filling)) track.isWarnedOf = false
    else if (!track.isWarnedOf && (finished === 0 || track.history.atOnce > 0)) {
      track.isWarnedOf = true
      const { slot } = track.slot.config
      const heapLimitMb = Math.round((ledger.memory?.heapLimit ?? 0) / 2 ** 20)
      this.#options.log.warn(
        { slot, incarnation: track.incarnation, finished, heapLimitMb },
        `the heap of the thread is nearly full after ${finished} messages, as that of its replacement would be: it is replaced less and less often. The handler needs that much: raise resourceLimits.maxOldGenerationSizeMb (${heapLimitMb} now), and lower workers if there is no memory for it`,
      )
    }
  }
}

const candidateOf = ({ slot, sinceMs, limits, isAsked, history }: Track, nowMs: number): Candidate => {
  const ledger = slot.incarnation?.ledger
  const fill = ledger?.heapFill ?? 'fine'
  return {
    slot: slot.config.slot,
    ...{ mayRecycle: slot.mayRecycle, isRecycling: slot.isRecycling, isAsked, fill, limits },
    fillDueMs: recycleDueMs(history, fill === 'brimful'),
    finished: ledger?.counters.finished ?? 0,
    livedMs: nowMs - sinceMs,
  }
}
