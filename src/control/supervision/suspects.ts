import { ErrorCode, type PoolError } from '../../errors.js'
import type { TopicPartition } from '../../kafka/metadata.js'
import { toErrorData } from '../../protocol/error-data.js'
import { partitionName } from '../../util/partition-name.js'
import {
  accused,
  isCleared,
  NO_SUSPICIONS,
  onTrialAgain,
  type Suspicion,
  type Suspicions,
  stillOpen,
  together,
} from '../suspicion.js'
import { ProcessTrial, type TrialBook } from './process-trial.js'

/** A message, by its coordinates. */
export interface Suspect extends TopicPartition {
  readonly offset: string
}

/** A batch that was decoded. */
export interface SuspectBatch extends Suspect {
  readonly last: string
}

/** Deaths that come from outside, whatever the thread does just then: of a handler that does not come back. */
const BY_DEADLINE: readonly ErrorCode[] = [ErrorCode.handlerHung, ErrorCode.threadLost]

/** The deaths that what a thread does may have caused. A `setup` that fails, or a thread that does not boot, says nothing of it. */
const TELLING: readonly ErrorCode[] = [
  ErrorCode.threadCrashed,
  ErrorCode.threadExited,
  ErrorCode.threadOutOfMemory,
  ErrorCode.internal,
  ...BY_DEADLINE,
]

/** What a thread did when it died. */
export interface FatalWork {
  /** What was in flight of the partitions that the slot holds. */
  readonly inFlight: readonly Suspect[]
  /** Whether anything else was: of a partition that belongs to somebody else by now. */
  readonly inCompany: boolean
  /** What was decoded just then, so that no handler ran. @default nothing */
  readonly decoding?: SuspectBatch | null
  readonly error: PoolError
}

/** What a death has to do with messages and batches. */
export interface Findings {
  /** One of those in flight was so at a death before. */
  readonly repeated: boolean
  /** The one that it was; null when there was none, or more, or the death says nothing of it. */
  readonly killer: Suspect | null
  /** `open`: it counts against what was in flight; `convicted`: the killer is handled no more; undefined: neither. */
  readonly verdict: 'open' | 'convicted' | undefined
}

const NOTHING_FOUND = { killer: null, verdict: undefined } as const

/** The suspects of one group, of every slot: what kills takes its deaths along when its partition moves. */
export class Suspects implements TrialBook {
  readonly #startedAtMs: number
  readonly #trial: ProcessTrial
  /** By partition. What is finished goes when somebody looks. */
  readonly #suspicions = new Map<string, Suspicions>()
  /** Those of which a process before this one has left something, until they are held for the first time. */
  readonly #inherited = new Set<string>()
  #deaths = 0

  /**
   * @param startedAtMs when the pool was made (wall clock)
   * @param trial that of the whole pool
   */
  constructor(startedAtMs = Date.now(), trial = new ProcessTrial()) {
    this.#startedAtMs = startedAtMs
    this.#trial = trial
  }

  /** Of a partition that is finished up to there. */
  of(partition: TopicPartition, finishedUpTo: bigint): Suspicions {
    if (this.#suspicions.size === 0) return NO_SUSPICIONS
    const name = partitionName(partition)
    const known = this.#suspicions.get(name)
    if (known === undefined) return NO_SUSPICIONS
    const open = stillOpen(known, finishedUpTo)
    this.#set(name, open)
    return open
  }

  /** Whether one of them was in flight at a death, and has not been finished since. */
  has(inFlight: readonly Suspect[]): boolean {
    return inFlight.some((message) => this.#of(partitionName(message)).message?.offset === message.offset)
  }

  /** Enters a death. */
  accuse(work: FatalWork, convictAfter: number, wallMs = Date.now()): Findings {
    const { inFlight, inCompany, decoding = null, error } = work
    const repeated = this.has(inFlight)
    if (!TELLING.includes(error.code)) return { repeated, ...NOTHING_FOUND }
    this.#deaths += 1
    if (decoding !== null && !BY_DEADLINE.includes(error.code)) {
      const { offset, last } = decoding
      const name = partitionName(decoding)
      const before = this.#of(name)
      const accusation = { offset, last, error: toErrorData(error), company: null }
      const batch = accused(before.batch, accusation, convictAfter, wallMs)
      this.#set(name, { ...before, batch })
      const verdict = batch.convictedAtMs === null ? 'open' : 'convicted'
      return { repeated: before.batch?.offset === offset, killer: { ...decoding }, verdict }
    }
    const [first] = inFlight
    if (first === undefined) return { repeated, ...NOTHING_FOUND }
    const killer = inFlight.length === 1 && !inCompany ? first : null
    const company = killer === null ? this.#deaths : null
    for (const { offset, ...partition } of inFlight) {
      const name = partitionName(partition)
      const before = this.#of(name)
      const message = accused(before.message, { offset, error: toErrorData(error), company }, convictAfter, wallMs)
      this.#set(name, { ...before, message })
    }
    const convict = killer === null ? null : this.#of(partitionName(killer)).message
    if (convict === null || convict.convictedAtMs === null) return { repeated, killer, verdict: 'open' }
    this.#clear(convict)
    return { repeated, killer, verdict: 'convicted' }
  }

  /** What a process before this one has left on this machine, before anything is held. */
  inherit(partition: TopicPartition, message: Suspicion): void {
    this.learn(partition, { message, batch: null }, 0n)
    this.#inherited.add(partitionName(partition))
  }

  /** What whoever had the partition before held against what is in it; it begins at that offset. */
  learn(partition: TopicPartition, learned: Suspicions, from: bigint): void {
    const name = partitionName(partition)
    this.#inherited.delete(name)
    const [known, left] = [this.#of(name), learned].map((each) => stillOpen(each, from)) as [Suspicions, Suspicions]
    this.#set(name, together(known, left, this.#startedAtMs))
  }

  /** What is convicted in this partition is handled once more. */
  tryAgain(partition: TopicPartition): void {
    const name = partitionName(partition)
    this.#set(name, onTrialAgain(this.#of(name)))
  }

  /** Whether its message may have killed the process, and it is the turn of another one. */
  waits(partition: TopicPartition, finishedUpTo: bigint): boolean {
    this.of(partition, finishedUpTo) // what is finished is on trial no more
    const name = partitionName(partition)
    return this.isOnProcessTrial(name) && !this.#trial.mayTry(this, name)
  }

  isOnProcessTrial(partition: string): boolean {
    const { message } = this.#of(partition)
    return message?.inProcess === true && message.convictedAtMs === null
  }

  /** The partition is not here any more, or stands still: another one may have its turn. */
  leave(partition: TopicPartition): void {
    this.#trial.leave(this, partitionName(partition))
  }

  /**
   * Nobody has committed anything there: there are other messages at its offsets now, unless the process that has left
   * something died before it could commit.
   */
  forget(partition: TopicPartition): void {
    const name = partitionName(partition)
    if (!this.#inherited.delete(name)) this.#suspicions.delete(name)
  }

  /** The partition goes on elsewhere, because somebody wants its messages handled anew, or not at all. */
  clear(partition: TopicPartition): void {
    const name = partitionName(partition)
    this.#inherited.delete(name)
    this.#suspicions.delete(name)
  }

  /** What was to be fetched next is not there any more, or something else is. */
  reset(partition: TopicPartition, { from, to }: { readonly from: string; readonly to: string }): void {
    if (BigInt(to) >= BigInt(from)) return // what was before is gone, and nothing else
    const name = partitionName(partition)
    const { message, batch } = this.#of(name)
    const isBefore = (each: Suspicion | null) => each !== null && BigInt(each.last ?? each.offset) < BigInt(to)
    this.#set(name, { message: isBefore(message) ? message : null, batch: isBefore(batch) ? batch : null })
  }

  #of(name: string): Suspicions {
    return this.#suspicions.get(name) ?? NO_SUSPICIONS
  }

  #set(name: string, suspicions: Suspicions): void {
    if (suspicions.message === null && suspicions.batch === null) this.#suspicions.delete(name)
    else this.#suspicions.set(name, suspicions)
  }

  #clear(convict: Suspicion): void {
    for (const [name, { message, batch }] of this.#suspicions) {
      if (message !== null && isCleared(message, convict)) this.#set(name, { message: null, batch })
    }
  }
}
