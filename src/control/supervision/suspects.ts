import { ErrorCode, type PoolError } from '../../errors.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import { toErrorData } from '../../protocol/error-data.js'
import { partitionName } from '../../util/partition-name.js'
import { accused, inherited, isCleared, onTrialAgain, type Suspicion } from '../suspicion.js'

/** A message, by its coordinates. */
export interface Suspect extends TopicPartition {
  readonly offset: string
}

/** The deaths that what was in flight may have caused. A `setup` that fails, or a thread that does not boot, says nothing of it. */
const TELLING: readonly ErrorCode[] = [
  ErrorCode.threadCrashed,
  ErrorCode.threadExited,
  ErrorCode.threadOutOfMemory,
  ErrorCode.threadLost,
  ErrorCode.handlerHung,
  ErrorCode.internal,
]

/** A thread that has died. */
export interface FatalHandling {
  /** What was in flight of the partitions that the slot holds. */
  readonly inFlight: readonly Suspect[]
  /** Whether anything else was: of a partition that belongs to somebody else by now. */
  readonly inCompany: boolean
  readonly error: PoolError
}

/** What a death has to do with the messages that were in flight. */
export interface Findings {
  /** One of them was in flight at a death before. */
  readonly repeated: boolean
  /** The one that was in flight alone; null when there was none, or more, or the death says nothing of it. */
  readonly killer: Suspect | null
  /** `open`: it counts against what was in flight; `convicted`: the killer is handled no more; undefined: neither. */
  readonly verdict: 'open' | 'convicted' | undefined
}

/**
 * The suspects of one group, of every slot: what kills takes its deaths along when its partition moves.
 */
export class Suspects {
  readonly #startedAtMs: number
  /** One a partition at most, and the finished ones go when somebody looks. */
  readonly #suspicions = new Map<string, Suspicion>()
  #deaths = 0

  /** @param startedAtMs when the pool was made (wall clock) */
  constructor(startedAtMs = Date.now()) {
    this.#startedAtMs = startedAtMs
  }

  /** Of a partition that is finished up to there; null when it has none. */
  of(partition: TopicPartition, finishedUpTo: bigint): Suspicion | null {
    if (this.#suspicions.size === 0) return null
    const name = partitionName(partition)
    const suspicion = this.#suspicions.get(name)
    if (suspicion === undefined) return null
    if (BigInt(suspicion.offset) >= finishedUpTo) return suspicion
    this.#suspicions.delete(name)
    return null
  }

  /** Whether one of them was in flight at a death, and has not been finished since. */
  has(inFlight: readonly Suspect[]): boolean {
    return inFlight.some((message) => this.#suspicions.get(partitionName(message))?.offset === message.offset)
  }

  /** Enters a death. */
  accuse({ inFlight, inCompany, error }: FatalHandling, convictAfter: number, wallMs = Date.now()): Findings {
    const repeated = this.has(inFlight)
    if (!TELLING.includes(error.code) || inFlight.length === 0) return { repeated, killer: null, verdict: undefined }
    const [first] = inFlight
    const killer = inFlight.length === 1 && first !== undefined && !inCompany ? first : null
    this.#deaths += 1
    const company = killer === null ? this.#deaths : null
    for (const message of inFlight) {
      const name = partitionName(message)
      const accusation = { offset: message.offset, error: toErrorData(error), company }
      this.#suspicions.set(name, accused(this.#suspicions.get(name) ?? null, accusation, convictAfter, wallMs))
    }
    const convict = killer === null ? null : (this.#suspicions.get(partitionName(killer)) ?? null)
    if (convict === null || convict.convictedAtMs === null) return { repeated, killer, verdict: 'open' }
    this.#clear(convict)
    return { repeated, killer, verdict: 'convicted' }
  }

  /** What whoever had the partition before held against a message of it: whatever was more is right. */
  learn(partition: TopicPartition, suspicion: Suspicion): void {
    const name = partitionName(partition)
    const known = this.#suspicions.get(name)
    if (known !== undefined && known.offset === suspicion.offset && known.deaths >= suspicion.deaths) return
    this.#suspicions.set(name, inherited(suspicion, this.#startedAtMs))
  }

  /** The message of this partition is handled once more. */
  tryAgain(partition: TopicPartition): void {
    const name = partitionName(partition)
    const suspicion = this.#suspicions.get(name)
    if (suspicion !== undefined) this.#suspicions.set(name, onTrialAgain(suspicion))
  }

  /** There are other messages at its offsets now. */
  forget(partition: TopicPartition): void {
    this.#suspicions.delete(partitionName(partition))
  }

  #clear(convict: Suspicion): void {
    for (const [name, suspicion] of this.#suspicions) {
      if (isCleared(suspicion, convict)) this.#suspicions.delete(name)
    }
  }
}
