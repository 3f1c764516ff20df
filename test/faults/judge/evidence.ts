import type { LoggedGeneration } from '#scripts/support/group-log.js'
import type { Handling } from '#scripts/support/recorder.js'
import type { Range } from '#scripts/support/topics.js'
import type { Repeats } from '../fault.js'
import type { Acknowledged } from '../world/load.js'

/** One line of what a member wrote down: an event of its pool, or something of its process. */
export interface Heard {
  readonly member: string
  readonly pid: number
  /** The machine's monotonic clock, as in the record. */
  readonly atMs: number
  readonly event: string
  readonly payload: Readonly<Record<string, unknown>>
}

export interface Commit {
  readonly partition: number
  /** Null when it was removed. */
  readonly offset: number | null
  /** By the same clock. */
  readonly atMs: number
}

/** A line of a member's log, of the level `warn` or above. */
export interface Warning {
  readonly member: string
  readonly pid: number
  /** By the process's own wall clock, which a fault may have put forward or back. */
  readonly atMs: number
  readonly words: string
}

/** One fault, or two at a time, until the next one. */
export interface Episode {
  readonly faults: readonly string[]
  readonly fromMs: number
  readonly repeats: Repeats
  readonly rebalances: boolean
}

/** A call of the handler. `pid` is that of the pool. */
export interface Handled extends Handling {
  /** The process whose thread it was: the pool's, or a child of it. */
  readonly worker: number
}

/** What a dead letter says of itself. */
export interface Letter {
  readonly partition: number
  readonly offset: number
  readonly reason: 'exhausted' | 'non-retriable' | 'killed'
  readonly attempts: number
  /** The number that its message carries. */
  readonly number: number
}

/** A process, which may be a child, was stopped (SIGSTOP) for that time. */
export interface Freeze {
  readonly pid: number
  readonly fromMs: number
  readonly toMs: number
}

/** Everything that is known of one world in the end. All times are those of the machine's monotonic clock. */
export interface Evidence {
  readonly topic: string
  readonly acknowledged: readonly Acknowledged[]
  /** What is in the topic. */
  readonly stored: readonly Range[]
  readonly deadLetters: readonly Letter[]
  readonly record: readonly Handled[]
  readonly heard: readonly Heard[]
  readonly warnings: readonly Warning[]
  /** In the order of the coordinator's log. */
  readonly commits: readonly Commit[]
  readonly generations: readonly LoggedGeneration[]
  /** By their beginning. The last one lasts until the end. */
  readonly episodes: readonly Episode[]
  readonly freezes: readonly Freeze[]
  /** After how long a pool that stops may give away what its handlers have not finished. */
  readonly leftAfterMs: number
  /** By how much the clocks of broker and machine may disagree, in ms. */
  readonly clockMs: number
}

export interface Violation {
  readonly invariant: string
  readonly what: string
  readonly atMs: number | null
}

export const violation = (invariant: string, what: string, atMs: number | null = null): Violation => ({
  invariant,
  what,
  atMs,
})

export const place = ({
  partition,
  offset,
}: {
  readonly partition: number
  readonly offset: number | string
}): string => `${partition}@${offset}`

/** The last of the entries, which are sorted by time, that came before `atMs`. */
export const lastBefore = <T extends { readonly atMs: number }>(sorted: readonly T[], atMs: number): T | undefined => {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle]?.atMs ?? 0) < atMs) low = middle + 1
    else high = middle
  }
  return sorted[low - 1]
}
