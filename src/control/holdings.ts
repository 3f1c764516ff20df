import { ErrorCode } from '../errors.js'
import { NO_EPOCH, type TopicPartition } from '../kafka/metadata.js'
import type { TopicPartitionOffset } from '../kafka/offsets.js'
import type { AssignedPartition } from '../protocol/messages.js'
import { Page } from '../protocol/page.js'
import { partitionName } from '../util/partition-name.js'
import { isOurs, metadataOf, suspicionsIn } from './commit-metadata.js'
import { isDue, isResting, type Pause, tried } from './pauses.js'
import { verdictOn } from './poison.js'
import { NO_SUSPICIONS, type Suspicions } from './suspicion.js'

/** One partition that a slot has been assigned, with the place where its thread writes how far it is. */
export interface Holding extends TopicPartition {
  /** Unique within the slot, over all assignments and tries. */
  id: number
  page: Page
  index: number
  /** What the group has stored; -1n when that is nothing. */
  committed: bigint
  /** What of ours the group has stored beside it. */
  noted: string
  paused: Pause | null
  /** The message that failed last and is tried again, and how often it was tried. */
  failed: { readonly offset: string; readonly attempts: number } | null
  /** The message that main stores in the dead-letter topic before the partition goes on. */
  deadLetter: { readonly offset: string } | null
  /** No thread has it, until it is handed out anew. */
  away: boolean
  /** Since when `pool.pause` keeps it from going on (monotonic); null: it does not. */
  onHoldSinceMs: number | null
  /** It is being given up: whoever has it still begins nothing there, and no thread gets it any more. */
  leaving: boolean
}

/** A partition with the offset to start from, as found when it was assigned. */
export interface NewHolding extends TopicPartitionOffset {
  readonly committed: bigint
}

/** What is known of messages and batches that kill threads. */
export interface SuspectBook {
  /** Of a partition that is finished up to there. */
  of(partition: TopicPartition, finishedUpTo: bigint): Suspicions
  /** What is convicted is handled once more. */
  tryAgain(partition: TopicPartition): void
  /** What whoever had the partition before held against what is in it; it begins at that offset. */
  learn(partition: TopicPartition, learned: Suspicions, from: bigint): void
  /** Whether its message may have killed the process, and it is the turn of another one. */
  waits(partition: TopicPartition, finishedUpTo: bigint): boolean
  /** The partition is not here any more, or stands still. */
  leave(partition: TopicPartition): void
  /** Nobody has committed anything there: what is known of messages is of those of another topic, as a rule. */
  forget(partition: TopicPartition): void
  /** The partition goes on elsewhere, because somebody wants its messages handled anew, or not at all. */
  clear(partition: TopicPartition): void
}

const NO_SUSPECTS: SuspectBook = {
  of: () => NO_SUSPICIONS,
  tryAgain: () => {},
  learn: () => {},
  waits: () => false,
  leave: () => {},
  forget: () => {},
  clear: () => {},
}

/**
 * Nothing that was ever committed, in the place of what stands beside an offset: a commit that had no answer may be stored all
 * the same, so also what seems to be stored already is committed anew.
 */
const NOT_CONFIRMED = '?'

/** What users have paused. */
export interface HoldBook {
  /** Since when (monotonic); null: it is not paused. */
  since(partition: TopicPartition): number | null
}

const NOTHING_ON_HOLD: HoldBook = { since: () => null }

/** What a thread is told about partitions that it shall take up. */
export interface Handout {
  readonly page: SharedArrayBuffer
  readonly added: readonly AssignedPartition[]
}

/** A partition that goes on elsewhere. */
export interface GoneElsewhere {
  readonly before: Holding
  readonly holding: Holding
  readonly handout: Handout
}

/** Who takes up what is handed out: the threads of the slot, one after the other. */
export interface Holder {
  /** Tells the thread what it gains and loses. Resolves with whether it has taken it in (false: there is none, or it died meanwhile). */
  hand(added: Handout | null, removedIds: readonly number[]): Promise<boolean>
  /** Messages may begin again. */
  goOn(): void
}

/**
 * What one slot holds: which partitions, and how far each is. They outlive the slot's threads; a dead
 * thread's progress is read from its pages and its replacement gets fresh ones.
 */
export class Holdings {
  readonly #byKey = new Map<string, Holding>()
  readonly #byId = new Map<number, Holding>()
  readonly #suspects: SuspectBook
  readonly #onHold: HoldBook
  readonly #storesStart: boolean
  #nextId = 0
  /** Whether the broker stores what is committed beside an offset. */
  #takesNotes = true

  /**
   * @param suspects of the slot's group @default none
   * @param onHold what is paused of the whole pool @default nothing
   * @param storesStart whether what is stored already when a partition is taken up is committed once more @default false
   */
  constructor(suspects = NO_SUSPECTS, onHold = NOTHING_ON_HOLD, storesStart = false) {
    this.#suspects = suspects
    this.#onHold = onHold
    this.#storesStart = storesStart
  }

  all(): Holding[] {
    return [...this.#byKey.values()]
  }

  /** The partition of that id if it is still held. */
  byId(id: number): Holding | undefined {
    return this.#byId.get(id)
  }

  /** What is held against what comes next in a partition. */
  suspicionsOf(holding: Holding): Suspicions {
    return this.#suspects.of(holding, finishedUpTo(holding))
  }

  has(partition: TopicPartition): boolean {
    return this.#byKey.has(partitionName(partition))
  }

  /** They are handed out no more, whatever becomes of the thread until they are dropped. @returns ids of those that are held */
  giveUp(partitions: readonly TopicPartition[]): number[] {
    return partitions.flatMap((partition) => {
      const holding = this.#byKey.get(partitionName(partition))
      if (holding === undefined) return []
      holding.leaving = true
      return holding.id
    })
  }

  /** Takes partitions up. They must not be held yet. */
  add(partitions: readonly NewHolding[]): Handout {
    const page = Page.create(
      partitions.map(({ offset }) => offset),
      partitions.map(({ leaderEpoch = NO_EPOCH }) => leaderEpoch),
    )
    const added = partitions.map(({ topic, partition, committed, metadata = '' }, index): Holding => {
      if (committed < 0n) this.#suspects.forget({ topic, partition })
      else this.#suspects.learn({ topic, partition }, suspicionsIn({ offset: committed, metadata }), committed)
      const holding = {
        id: this.#nextId++,
        topic,
        partition,
        page,
        index,
        ...{ committed, noted: this.#storesStart ? NOT_CONFIRMED : isOurs(metadata) ? metadata : '' },
        ...{ paused: null, failed: null, deadLetter: null, away: false, leaving: false },
        onHoldSinceMs: this.#onHold.since({ topic, partition }),
      }
      this.#byKey.set(partitionName(holding), holding)
      this.#byId.set(holding.id, holding)
      return holding
    })
    for (const holding of added) holding.away = this.#staysBack(holding)
    const handed = added.filter(({ away }) => !away)
    return { page: page.buffer, added: handed.map((holding) => this.#assigned(holding)) }
  }

  /**
   * Moves everything to a fresh page for a new incarnation, each partition at the offset up to which its predecessor had
   * finished it. A predecessor that still writes (it would not die) writes into memory that nobody reads any more.
   * Partitions that stand still are kept out of the handout, once everything before that place is finished, until they
   * are tried again; so are those of a dead letter, until it is stored.
   */
  rehouse(): Handout {
    const holdings = this.all()
    // The offsets first: see Page#epoch.
    const offsets = holdings.map(finishedUpTo)
    const page = Page.create(offsets, holdings.map(epochOf))
    const moving = holdings.filter((holding) => !this.#staysBack(holding))
    for (const [index, holding] of holdings.entries()) {
      move(holding, page, index, isResting(holding.paused) || holding.deadLetter !== null)
      holding.away = !moving.includes(holding)
    }
    // A convict is not tried: the thread stops before it, when there is something hidden in front of it.
    for (const holding of moving) if (!isPoisoned(holding)) holding.paused = tried(holding.paused)
    return { page: page.buffer, added: moving.map((holding) => this.#assigned(holding)) }
  }

  /** Hands out anew what stands still and is to be tried again by now, or has got past its place; null when nothing is. */
  retry(nowMs: number): (Handout & { readonly removedIds: readonly number[] }) | null {
    for (const holding of this.all()) {
      if (isResting(holding.paused) || isOnHold(holding)) this.#suspects.leave(holding)
    }
    const due = this.all().filter((holding) => isForThread(holding, nowMs) && !this.#waits(holding))
    if (due.length === 0) return null
    const removedIds = due.map(({ id }) => id)
    const page = this.#renew(due)
    for (const holding of due) {
      holding.away = false
      if (isPoisoned(holding) && !isDue(holding.paused, nowMs)) continue // it stops before the convict: see rehouse
      if (isPoisoned(holding)) this.#suspects.tryAgain(holding)
      holding.paused = tried(holding.paused)
    }
    return { page: page.buffer, added: due.map((holding) => this.#assigned(holding)), removedIds }
  }

  /** What is paused has changed. @returns what is paused and with a thread still */
  putOnHold(): Holding[] {
    for (const holding of this.all()) holding.onHoldSinceMs = this.#onHold.since(holding)
    return this.all().filter((holding) => isOnHold(holding) && !holding.away && !holding.leaving)
  }

  /**
   * The thread that has it lets go of it, and stands between two messages of it: no thread has it until it is handed out anew.
   *
   * @returns false when it is not held any more under that id, or no thread has it
   */
  takeBack(id: number): boolean {
    const holding = this.#byId.get(id)
    if (holding === undefined || holding.away || holding.leaving) return false
    this.#renew([holding])
    holding.away = true
    return true
  }

  /**
   * The partition goes on at that offset, as if it had been taken away and come back: what is in flight there will not count,
   * and nothing is held against its messages any more.
   *
   * @returns null when it is not held, or is being given up
   */
  goTo({ topic, partition, offset }: TopicPartitionOffset): GoneElsewhere | null {
    const before = this.#byKey.get(partitionName({ topic, partition }))
    if (before === undefined || before.leaving) return null
    const page = Page.create([offset])
    before.page.revoke(before.index)
    this.#suspects.leave(before)
    this.#suspects.clear(before)
    this.#byId.delete(before.id)
    // Another object: what others know of the one before is nothing to it.
    const fresh = { id: this.#nextId++, noted: NOT_CONFIRMED, paused: null, failed: null, deadLetter: null }
    const holding: Holding = { ...before, ...fresh }
    move(holding, page, 0, true)
    holding.away = this.#staysBack(holding)
    this.#byKey.set(partitionName(holding), holding)
    this.#byId.set(holding.id, holding)
    return { before, holding, handout: { page: page.buffer, added: holding.away ? [] : [this.#assigned(holding)] } }
  }

  /** Drops what `keeps` does not want. The pages are flagged, so what is in flight there will not count. */
  drop(keeps: (holding: Holding) => boolean): Holding[] {
    const dropped = this.all().filter((holding) => !keeps(holding))
    for (const holding of dropped) {
      holding.page.revoke(holding.index)
      this.#suspects.leave(holding)
      this.#byKey.delete(partitionName(holding))
      this.#byId.delete(holding.id)
    }
    return dropped
  }

  /**
   * Finished work that the group does not know of yet, and what is held against messages. After a reset an offset may be
   * below the committed one.
   */
  uncommitted(): TopicPartitionOffset[] {
    return this.all().flatMap((holding) => {
      const { topic, partition, committed, noted } = holding
      const offset = finishedUpTo(holding)
      const metadata = this.#takesNotes ? metadataOf(this.#suspects.of(holding, offset), offset) : ''
      if (offset === committed && metadata === noted) return []
      return [{ topic, partition, offset, leaderEpoch: epochOf(holding), ...(metadata !== '' && { metadata }) }]
    })
  }

  /** The broker refuses what is committed beside an offset: nothing is, from now on. @returns whether anything was */
  takeNoNotes(): boolean {
    const before = this.#takesNotes
    this.#takesNotes = false
    for (const holding of this.all()) if (holding.noted !== NOT_CONFIRMED) holding.noted = ''
    return before
  }

  /** What is stored is to be stored once more. */
  confirmAgain(): void {
    for (const holding of this.all()) holding.noted = NOT_CONFIRMED
  }

  markCommitted({ topic, partition, offset, metadata = '' }: TopicPartitionOffset): void {
    const holding = this.#byKey.get(partitionName({ topic, partition }))
    if (holding === undefined) return
    holding.committed = offset
    holding.noted = metadata
  }

  /** What is said or written of them under the ids that they had counts no more: they get other ones, and a fresh page. */
  #renew(holdings: readonly Holding[]): Page {
    const offsets = holdings.map(finishedUpTo)
    const page = Page.create(offsets, holdings.map(epochOf))
    for (const [index, holding] of holdings.entries()) {
      holding.page.revoke(holding.index)
      move(holding, page, index, true)
      this.#byId.delete(holding.id)
      holding.id = this.#nextId++
      this.#byId.set(holding.id, holding)
    }
    return page
  }

  #waits(holding: Holding): boolean {
    return this.#suspects.waits(holding, finishedUpTo(holding))
  }

  /** It is not handed out, for the time being. */
  #staysBack(holding: Holding): boolean {
    const isKept = holding.leaving || isOnHold(holding) || holding.deadLetter !== null || standsStill(holding)
    return isKept || this.#waits(holding)
  }

  #assigned(holding: Holding): AssignedPartition {
    return { ...assigned(holding), ...underSuspicion(holding, this.suspicionsOf(holding)) }
  }
}

/** The lowest offset of a partition that is not finished. */
export const finishedUpTo = (holding: Holding): bigint => holding.page.finishedUpTo(holding.index)

/** Whether the group has stored that offset since the partition went on there, or what came of it. */
export const isStoredFrom = (holding: Holding, offset: bigint): boolean =>
  holding.noted !== NOT_CONFIRMED && holding.committed >= offset && holding.committed <= finishedUpTo(holding)

/** `pool.pause` keeps it from going on. */
export const isOnHold = ({ onHoldSinceMs }: Holding): boolean => onHoldSinceMs !== null

/** It has come to the place of its pause: a batch that cannot be read is told of when it is fetched, with messages before it. */
export const standsThere = (holding: Holding): boolean =>
  holding.paused !== null && finishedUpTo(holding) >= BigInt(holding.paused.offset)

const standsStill = (holding: Holding): boolean => isResting(holding.paused) && standsThere(holding)

/** It stands still and is tried again by now, or nothing keeps it back any more. */
const isForThread = (holding: Holding, nowMs: number): boolean => {
  if (holding.leaving || isOnHold(holding) || holding.deadLetter !== null) return false
  return standsStill(holding) ? isDue(holding.paused, nowMs) : holding.away
}

/** Its pause is over: it has got past the place where it stood still. */
export const hasMovedOn = (holding: Holding): boolean =>
  holding.paused !== null && finishedUpTo(holding) > BigInt(holding.paused.offset)

/** @param knowsEnd whether what is known of its end still holds: nobody else will say it soon */
const move = (holding: Holding, page: Page, index: number, knowsEnd: boolean): void => {
  page.sawBatches(index, holding.page.batchBytes(holding.index))
  if (knowsEnd) page.sawEnd(index, holding.page.end(holding.index))
  holding.page = page
  holding.index = index
}

/** Leader epoch that belongs to that offset. Read the offset first. */
const epochOf = (holding: Holding): number => holding.page.epoch(holding.index)

/**
 * Messages that wait in a partition: null until it was fetched for the first time. What an open transaction has written
 * waits for its end, not for us.
 */
export const lagOf = (holding: Holding): bigint | null => {
  const end = holding.page.end(holding.index)
  if (end < 0n) return null
  const lag = end - finishedUpTo(holding)
  return lag < 0n ? 0n : lag
}

const assigned = (holding: Holding): AssignedPartition => ({
  id: holding.id,
  topic: holding.topic,
  partition: holding.partition,
  index: holding.index,
  offset: finishedUpTo(holding).toString(),
  leaderEpoch: epochOf(holding),
  batchBytes: holding.page.batchBytes(holding.index),
  ...exhausted(holding.paused),
  ...failed(holding),
})

/** Attempts count on in another thread: one that is replaced now and then would never come to the last. */
const failed = (holding: Holding): Pick<AssignedPartition, 'failed'> =>
  holding.failed !== null && BigInt(holding.failed.offset) >= finishedUpTo(holding) ? { failed: holding.failed } : {}

const isPoisoned = ({ paused }: Holding): boolean => paused?.reason === 'poisoned'

/** Its attempts are over. Those that killed a thread are none of them. */
const exhausted = (pause: Pause | null): Pick<AssignedPartition, 'exhausted'> =>
  pause === null || pause.attempts === null || pause.reason === 'dead-letter' || pause.reason === 'poisoned'
    ? {}
    : { exhausted: { offset: pause.offset, attempts: pause.attempts } }

const underSuspicion = (
  holding: Holding,
  { message, batch }: Suspicions,
): Pick<AssignedPartition, 'suspect' | 'convicted' | 'piecesUpTo' | 'stopsAt'> => {
  if (message === null && batch === null) return {}
  const isOpen = message?.convictedAtMs === null
  // What it lacked may have gone to the messages that came with it.
  const lackedMemory = isOpen && message.error.code === ErrorCode.threadOutOfMemory
  const inPieces = lackedMemory ? message.offset : undefined
  const piecesUpTo = batch?.convictedAtMs === null ? batch.last : inPieces
  return {
    ...(isOpen && { suspect: { offset: message.offset } }),
    ...(message !== null &&
      !isOpen && {
        convicted: { offset: message.offset, deaths: message.deaths, error: verdictOn(holding, message) },
      }),
    ...(piecesUpTo !== undefined && { piecesUpTo }),
    ...(batch !== null && batch.convictedAtMs !== null && { stopsAt: batch.offset }),
  }
}
