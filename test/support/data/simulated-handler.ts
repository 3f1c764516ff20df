import type { Handler } from '#src/data/handler.js'
import type { FromThread } from '#src/protocol/messages.js'
import type { Diary } from '../control/diary.js'
import type { Dice } from '../control/dice.js'
import { range } from './batches.js'
import type { DataPlane } from './data-plane.js'
import type { FakeCluster } from './fake-cluster.js'

const LONG_MS = 6_000

/** Messages that had the same offset one after the other have other versions. */
type Versioned = Parameters<Handler>[0] & { readonly version?: number }

/** A handler that takes any time and fails now and then, and says when it is called as it must not be. */
export class SimulatedHandler {
  plane: DataPlane | null = null
  /** It takes no time and does not fail any more. */
  isCalm = false
  readonly #options: { cluster: FakeCluster; concurrency: number; dice: Dice; diary: Diary }
  /** Offset and version of what is finished, by partition. */
  readonly #finished = new Map<number, Set<string>>()
  readonly #running = new Set<number>()
  readonly #hanging = new Set<() => void>()

  constructor(options: { cluster: FakeCluster; concurrency: number; dice: Dice; diary: Diary }) {
    this.#options = options
  }

  /** Which of the messages that had this offset is there now. */
  versionAt(partition: number, offset: number): number {
    const { epochStarts } = this.#options.cluster.partition(partition)
    return [...epochStarts].filter(([, start]) => start <= offset).at(-1)?.[0] ?? -1
  }

  readonly handle: Handler = (message: Versioned) => {
    const { concurrency, dice, diary } = this.#options
    const { partition, version = -1 } = message
    const offset = Number(message.offset)
    const held = this.plane?.held[partition]
    const fault = (what: string) => diary.fault(`${partition}@${offset} begins ${what}`)
    if (held === undefined || held.revoked) fault('although it is revoked')
    if (this.#running.has(partition)) fault('beside another of its partition')
    if (held && held.page.finishedUpTo(held.index) > BigInt(offset)) fault('although it is finished')
    this.#running.add(partition)
    if (this.#running.size > concurrency) fault('as one too many')
    const fails = !this.isCalm && dice.chance(0.12)
    const end = () => {
      this.#running.delete(partition)
      if (fails) throw new Error('the player says so')
      if (held?.revoked === false) this.#finish(partition, offset, version)
    }
    const how = dice.below(this.isCalm ? 2 : 10)
    if (how < 4) return end()
    if (how < 6) return Promise.resolve().then(end)
    return new Promise<void>((resolve) => {
      if (how === 9) this.#hanging.add(resolve)
      setTimeout(resolve, how === 9 ? LONG_MS : dice.below(300))
    }).then(end)
  }

  /** What main hears. */
  readonly hear = (message: FromThread): void => {
    const isFailed = message.type === 'failed'
    if (!isFailed && message.type !== 'partition-paused') return
    const held = this.plane?.held.find(({ owned }) => owned.id === message.partitionId)
    if (held === undefined) return
    const { partition } = held.owned
    if (!isFailed || message.outcome === 'paused') held.paused = message.offset
    else if (message.outcome === 'skipped')
      // Nobody is told which version that was.
      for (const version of range(-1, 100)) this.#finish(partition, Number(message.offset), version)
  }

  /** Those that take long come back. */
  readonly release = (): void => {
    for (const resolve of this.#hanging) resolve()
    this.#hanging.clear()
  }

  /** What is in the log and was never finished. */
  missing(partition: number): number[] {
    const { start, end } = this.#options.cluster.partition(partition)
    const finished = this.#finished.get(partition)
    return range(start, end).filter((offset) => !finished?.has(`${offset}/${this.versionAt(partition, offset)}`))
  }

  #finish(partition: number, offset: number, version: number): void {
    const finished = this.#finished.get(partition) ?? new Set()
    this.#finished.set(partition, finished.add(`${offset}/${version}`))
  }
}
