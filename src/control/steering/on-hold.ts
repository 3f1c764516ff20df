import type { TopicPartition } from '../../kafka/metadata.js'

interface Pause {
  readonly sinceMs: number
  isTold: boolean
}

/** What is paused of one topic. */
interface Topic {
  /** Of all partitions that have no entry of their own, also of those that are still to come. */
  rest: Pause | null
  /** Null: it was resumed while the others stay paused. */
  readonly own: Map<number, Pause | null>
}

/** A pause that lasts. */
export interface LongPause {
  readonly topic: string
  /** Null: all of which nothing else was said. */
  readonly partitions: readonly number[] | null
}

/** From then on it is told that a pause lasts: somebody may have forgotten it. */
const LASTS_MS = 300_000

/**
 * What `pool.pause` has paused, of every topic of the pool: it outlasts threads, rebalances and assignments, and holds for
 * partitions that are not here just now. All times are monotonic.
 */
export class OnHold {
  readonly #topics = new Map<string, Topic>()

  /** Since when the partition is paused; null: it is not. */
  since(partition: TopicPartition): number | null {
    return this.#of(partition)?.sinceMs ?? null
  }

  /** @param partitions null for all of the topic */
  pause(topic: string, partitions: readonly number[] | null, nowMs: number): void {
    if (partitions?.length === 0) return
    const entry = this.#topics.get(topic) ?? { rest: null, own: new Map<number, Pause | null>() }
    const begun = (): Pause => ({ sinceMs: nowMs, isTold: false })
    this.#topics.set(topic, entry)
    if (partitions === null) {
      entry.rest ??= begun()
      for (const [partition, pause] of entry.own) if (pause === null) entry.own.delete(partition)
    } else {
      for (const partition of partitions) entry.own.set(partition, this.#of({ topic, partition }) ?? begun())
    }
  }

  /**
   * @param partitions null for all of the topic
   * @returns whether one of them was paused
   */
  resume(topic: string, partitions: readonly number[] | null): boolean {
    const entry = this.#topics.get(topic)
    if (entry === undefined) return false
    if (partitions === null) return this.#topics.delete(topic)
    const werePaused = partitions.map((partition) => this.#of({ topic, partition }) !== null)
    for (const partition of partitions) {
      if (entry.rest === null) entry.own.delete(partition)
      else entry.own.set(partition, null)
    }
    if (entry.rest === null && entry.own.size === 0) this.#topics.delete(topic)
    return werePaused.includes(true)
  }

  /** Forgets what is paused of topics that are not `there` any more. */
  keep(there: (topic: string) => boolean): void {
    for (const topic of this.#topics.keys()) if (!there(topic)) this.#topics.delete(topic)
  }

  /** The pauses that have lasted for long, each once. */
  becameLong(nowMs: number): LongPause[] {
    const isDue = (pause: Pause | null): boolean => {
      if (pause === null || pause.isTold || nowMs - pause.sinceMs < LASTS_MS) return false
      pause.isTold = true
      return true
    }
    return [...this.#topics].flatMap(([topic, { rest, own }]) => {
      const partitions = [...own].filter(([, pause]) => pause !== rest && isDue(pause)).map(([partition]) => partition)
      const named = partitions.length === 0 ? [] : [{ topic, partitions }]
      return isDue(rest) ? [{ topic, partitions: null }, ...named] : named
    })
  }

  #of({ topic, partition }: TopicPartition): Pause | null {
    const entry = this.#topics.get(topic)
    const own = entry?.own.get(partition)
    return own === undefined ? (entry?.rest ?? null) : own
  }
}
