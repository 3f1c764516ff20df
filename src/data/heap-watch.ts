import { constants, type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8'
import { resourceLimits } from 'node:worker_threads'
import { Control, type HeapFill, type Ledger } from '../protocol/ledger.js'
import { every } from '../util/timers.js'

/** Parts of the heap's limit. With what a collection has left above the first the thread is to be recycled. */
const FULL = 0.85
/** No message starts: V8 may end the thread, or the process, at any moment. So much is no garbage, see {@link fillOf}. */
const BRIMFUL = 0.95
/** Again below this, because what was in flight let go of something. */
const NO_LONGER_BRIMFUL = 0.9
/** Collections are watched from here on. */
const WATCHED = 0.7
const UNWATCHED = 0.6

/** How often is looked while messages are handled, and from half of the limit on. */
const LOOK_MS = 10
const CLOSE_LOOK_MS = 1
/** How often is looked and reported in any case. */
const REPORT_MS = 1_000

const MIB = 2 ** 20

/** The heap of this thread. */
export interface Heap {
  readonly limit: number
  /** Bytes of the old generation, garbage included. Cheap: called for every turn of messages. */
  used(): number
  /** Bytes outside the heap. */
  external(): number
  /** Calls back after each collection of the whole heap, in one of the next rounds of the event loop. @returns how to end that */
  onCollected(collected: () => void): () => void
}

/** How full a heap is. */
export interface Filling {
  /** Part of the limit, garbage included. */
  readonly used: number
  /** The same just after the whole heap was collected the last time; null when that was not seen. */
  readonly kept: number | null
  readonly before: HeapFill
}

/**
 * Garbage is no reason to recycle a thread, and V8 lets it pile up: after a collection that left the part L of the limit it
 * begins the next one half-way between L and the limit, or, when it cannot keep up, half-way between that and the limit. So
 * only what a collection has left says that a heap is full. But above 95 % L was above 80 %, and a leak that fast leaves no
 * time to wait for the next.
 */
export const fillOf = ({ used, kept, before }: Filling): HeapFill => {
  if (used >= (before === 'brimful' ? NO_LONGER_BRIMFUL : BRIMFUL)) return 'brimful'
  return kept !== null && kept >= FULL ? 'full' : 'fine'
}

/** Node's types know only what all entries have. */
type GcEntry = PerformanceEntry & { readonly detail: { readonly kind: number } }

/** This thread's own heap. @param limitMb what limits it, if that is known */
export const ownHeap = (limitMb?: number): Heap => {
  const young = (resourceLimits.maxYoungGenerationSizeMb ?? 0) * MIB
  const limit = getHeapStatistics().heap_size_limit - young
  return {
    limit: Math.min(limit, (limitMb ?? Number.POSITIVE_INFINITY) * MIB),
    used: () => {
      let bytes = 0
      for (const { space_name: name, space_used_size: used } of getHeapSpaceStatistics()) {
        if (!name.startsWith('new_') && name !== 'read_only_space') bytes += used
      }
      return bytes
    },
    external: () => getHeapStatistics().external_memory,
    onCollected: (collected) => {
      const observer = new PerformanceObserver((list) => {
        const kinds = (list.getEntries() as GcEntry[]).map(({ detail }) => detail.kind)
        if (kinds.includes(constants.NODE_PERFORMANCE_GC_MAJOR)) collected()
      })
      observer.observe({ entryTypes: ['gc'] })
      return () => observer.disconnect()
    },
  }
}

export interface HeapWatchOptions {
  readonly ledger: Pick<Ledger, 'noteMemory' | 'raise' | 'clear' | 'counters'>
  readonly heap: Heap
  readonly now: () => number
  /** About once a second: what else is to be said seldom. @default nothing */
  readonly onReport?: () => void
  /** It has become full, or brimful; the ledger says which. */
  readonly onFull: () => void
  /** Messages may begin again. */
  readonly onReopen: () => void
}

/**
 * Notes in the ledger how much memory the thread takes, and when its heap is full. Main would look too seldom: a handler
 * that keeps 1 MB of each message fills a heap within a second, and once it is full V8 ends the thread, or the process.
 */
export class HeapWatch {
  readonly #options: HeapWatchOptions
  readonly #timer: NodeJS.Timeout
  #fill: HeapFill = 'fine'
  #kept: number | null = null
  #dueMs = Number.NEGATIVE_INFINITY
  #reportMs = Number.NEGATIVE_INFINITY
  #unobserve: (() => void) | null = null

  constructor(options: HeapWatchOptions) {
    this.#options = options
    this.#timer = every(() => this.#look(options.now()), REPORT_MS).unref()
    this.#look(options.now())
  }

  /** The event loop shall go round often, so that what a collection leaves is seen before there is more. */
  get isClose(): boolean {
    return this.#unobserve !== null
  }

  /** A turn of messages begins. */
  look(nowMs: number): void {
    if (nowMs >= this.#dueMs) this.#look(nowMs)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#observe(false)
  }

  #look(nowMs: number): void {
    const { heap } = this.#options
    const bytes = heap.used()
    const used = bytes / heap.limit
    this.#dueMs = nowMs + (used < 0.5 ? LOOK_MS : CLOSE_LOOK_MS)
    if (used >= WATCHED) this.#observe(true)
    else if (used < UNWATCHED) this.#observe(false)
    this.#judge(bytes, nowMs)
  }

  #judge(bytes: number, nowMs: number): void {
    const { ledger, heap, onFull, onReopen } = this.#options
    const before = this.#fill
    this.#fill = fillOf({ used: bytes / heap.limit, kept: this.#kept, before })
    if (this.#fill !== before || nowMs >= this.#reportMs) {
      this.#reportMs = nowMs + REPORT_MS
      this.#options.onReport?.()
      ledger.noteMemory({ heapUsed: bytes, heapLimit: heap.limit, external: heap.external() }, this.#fill, nowMs)
    }
    // A thread that has finished nothing would be replaced by one that is as full: it goes on as well as it can.
    if (this.#fill === 'brimful' && ledger.counters.finished > 0) ledger.raise(Control.brimful)
    if (this.#fill === before) return
    if (before === 'brimful') {
      ledger.clear(Control.brimful)
      onReopen()
    }
    if (this.#fill !== 'fine') onFull()
  }

  #observe(shall: boolean): void {
    if (shall === this.isClose) return
    this.#unobserve?.()
    this.#kept = null
    this.#unobserve = shall ? this.#options.heap.onCollected(this.#collected) : null
  }

  readonly #collected = (): void => {
    if (!this.isClose) return
    const { heap, now } = this.#options
    const bytes = heap.used()
    this.#kept = bytes / heap.limit
    this.#judge(bytes, now())
  }
}
