import { ErrorCode, PoolError } from '../errors.js'
import type { MessageBatch } from '../kafka/fetch.js'
import { NO_EPOCH, NO_LEADER } from '../kafka/metadata.js'
import type { ErrorData } from '../protocol/error-data.js'
import type { AssignedPartition } from '../protocol/messages.js'
import { NO_END, type Page } from '../protocol/page.js'
import { partitionName } from '../util/partition-name.js'
import { mayEnter } from '../util/transitions.js'
import { BatchBuffer } from './batch-buffer.js'
import { Appetite } from './fetching/appetite.js'
import { ReadReplica } from './fetching/read-replica.js'
import { HANDLING_TRANSITIONS, type Handling } from './handling/handling-states.js'

/** A message whose handler has failed. */
export interface FailedMessage {
  readonly offset: number
  /** How often it was tried. */
  readonly attempts: number
  /** All attempts were used up before: the partition stood still at it, and it is tried once more. */
  readonly wasExhausted: boolean
  /** Nothing was finished since the last dead letter of the partition. */
  readonly afterDeadLetter: boolean
  /** For what it is tried no more, since that has killed threads. */
  readonly convictedFor?: ErrorData
}

/** Where a partition stands with the fetcher. */
export interface Fetching {
  /** The next offset to fetch. */
  offset: number
  /** Leader epoch that belongs to `offset` (KIP-320); NO_EPOCH when it is not known. */
  offsetEpoch: number
  /** Node id of the leader; null while it has to be looked up. */
  leader: number | null
  /** The last one that was known; NO_LEADER before the first. */
  lastLeader: number
  /** Its epoch; NO_EPOCH when the brokers are too old to tell. */
  leaderEpoch: number
  /** Epoch of the last leader whose log was compared with the position. */
  checkedEpoch: number
  /** The position is being compared with the leader's log; nothing is fetched meanwhile. */
  checking: boolean
  /** Follower to read from instead (KIP-392). */
  readonly replica: ReadReplica
  /** Failures in a row; an answer without an error sets it back. */
  failures: number
  /** How often in a row its next batch could not be read. */
  unreadable: number
  /** Not to be tried before this moment. */
  dueMs: number
  /** An offset reset is under way. */
  resetting: boolean
  /** Not fetched any more: a batch that cannot be read, or that may not be, or an exhausted message. */
  halted: boolean
  /** Up to this offset batches are decoded in small pieces. */
  readonly piecesUpTo: number
  /** No batch that begins there or later is decoded. */
  stopsAt: number | undefined
  /** The last answer said that nothing more was there. */
  atEnd: boolean
  /** No answer has come yet. */
  fresh: boolean
  readonly appetite: Appetite
}

/** One partition during one assignment: what is fetched, what is handled, and its place in shared memory. */
export class Partition {
  readonly id: number
  readonly topic: string
  readonly partition: number
  /** `orders-3`, as Kafka writes it. */
  readonly key: string
  readonly buffer = new BatchBuffer()
  readonly fetching: Fetching
  /** The message that failed last, until one is finished: the next one, unless the log does not have it any more. */
  failed: FailedMessage | null = null
  retryTimer: NodeJS.Timeout | undefined
  /** The message that is tried no more, until it is given up. It need not be the next one. */
  convicted: FailedMessage | null = null
  /** The message that may have killed a thread, until it is finished: it is handled while nothing else is in flight. */
  suspect: number | null = null
  /** An asynchronous handler has not come back yet. */
  inFlight = false
  /** It will be taken away: nothing begins any more, and what is in flight counts. */
  closing = false
  /** It is not ours any more; nothing that happens to it counts. */
  dropped = false
  #handling: Handling = 'idle'
  readonly #page: Page
  readonly #index: number
  /** As it stands on the page. */
  #epoch: number

  constructor(assigned: AssignedPartition, page: Page) {
    const { id, topic, partition, index, offset, leaderEpoch = NO_EPOCH, batchBytes = 0 } = assigned
    const { exhausted, failed, suspect, convicted, piecesUpTo, stopsAt } = assigned
    this.id = id
    this.topic = topic
    this.partition = partition
    this.key = partitionName({ topic, partition })
    this.#page = page
    this.#index = index
    this.#epoch = page.epoch(index)
    if (failed !== undefined) {
      this.failed = { ...failed, offset: Number(failed.offset), wasExhausted: false, afterDeadLetter: false }
    }
    if (exhausted !== undefined) {
      const offset = Number(exhausted.offset)
      this.failed = { ...exhausted, offset, wasExhausted: true, afterDeadLetter: false }
    }
    if (suspect !== undefined) this.suspect = Number(suspect.offset)
    if (convicted !== undefined) {
      const { offset, deaths: attempts, error: convictedFor } = convicted
      this.convicted = { offset: Number(offset), attempts, wasExhausted: true, afterDeadLetter: false, convictedFor }
      this.failed = this.convicted
    }
    this.fetching = {
      offset: Number(offset),
      offsetEpoch: leaderEpoch,
      leader: null,
      lastLeader: NO_LEADER,
      leaderEpoch: NO_EPOCH,
      checkedEpoch: NO_EPOCH,
      checking: false,
      replica: new ReadReplica(),
      failures: 0,
      unreadable: 0,
      dueMs: 0,
      resetting: false,
      halted: false,
      piecesUpTo: piecesUpTo === undefined ? -1 : Number(piecesUpTo),
      stopsAt: stopsAt === undefined ? undefined : Number(stopsAt),
      atEnd: false,
      fresh: true,
      appetite: new Appetite(batchBytes),
    }
  }

  /** Where it stands with the dispatcher. */
  get handling(): Handling {
    return this.#handling
  }

  /** What is buffered cannot be handled yet, although no handler is in flight. */
  get waits(): boolean {
    return this.#handling === 'waiting' || this.#handling === 'dead-lettering'
  }

  /** The one place where that changes. */
  enter(next: Handling): void {
    if (!mayEnter(HANDLING_TRANSITIONS, this.#handling, next)) {
      throw new PoolError(ErrorCode.internal, `${this.key} cannot go from "${this.#handling}" to "${next}"`)
    }
    this.#handling = next
  }

  /** Node to fetch from; null while the leader is unknown, or while the position is compared with its log. */
  get node(): number | null {
    const { leader, checking, replica } = this.fetching
    return leader === null || checking ? null : (replica.node ?? leader)
  }

  /** Which try of the message at this offset comes now; 1 is the first. */
  attemptAt(offset: number): number {
    return this.failed?.offset === offset ? this.failed.attempts + 1 : 1
  }

  /** True as soon as main says so, even before this thread has looked. */
  get revoked(): boolean {
    return this.dropped || this.#page.isRevoked(this.#index)
  }

  /**
   * Everything below `offset` is finished.
   *
   * @param leaderEpoch the one that belongs to `offset`
   */
  finish(offset: number, leaderEpoch: number): void {
    // The epoch first: see Page#epoch.
    if (leaderEpoch !== this.#epoch) {
      this.#epoch = leaderEpoch
      this.#page.setEpoch(this.#index, leaderEpoch)
    }
    this.#page.finish(this.#index, offset)
  }

  /** Looks whether its suspect is finished, and so is none. */
  acquit(): void {
    if (this.suspect !== null && this.#page.finishedUpTo(this.#index) > this.suspect) this.suspect = null
  }

  /** The next message is tried again at this moment (monotonic ms); null: it waits for that no longer. */
  retryAt(atMs: number | null): void {
    this.#page.retryAt(this.#index, atMs)
  }

  /** A leader does not have what was read from `offset` on: it is read again from there, and so it is committed. */
  cutOff(offset: number, leaderEpoch: number): void {
    this.buffer.cutOff(offset)
    if (this.suspect !== null && this.suspect >= offset) this.suspect = null
    if (this.convicted !== null && this.convicted.offset >= offset) this.convicted = null
    if (this.failed !== null && this.failed.offset >= offset) {
      this.failed = null // another message stands there now
      // At once: main would finish what is gone.
      if (this.#handling === 'dead-lettering') this.finish(offset, leaderEpoch)
    }
    this.moveTo(offset, leaderEpoch)
  }

  /** Goes on elsewhere. In line behind what is buffered: the offset may be committed once everything before is finished. */
  moveTo(offset: number, leaderEpoch: number): void {
    if (offset < this.fetching.offset) this.#forgetAhead()
    this.fetching.offset = offset
    this.fetching.offsetEpoch = leaderEpoch
    this.fetching.checking = false // it was the old position that was asked about
    this.buffer.push({
      messages: [],
      offsets: [],
      nextOffset: offset,
      bytes: 0,
      receivedBytes: 0,
      largestBytes: 0,
      leaderEpoch,
    })
    this.buffer.moveOn()
    this.publishPosition()
  }

  /** The log is another one: what was held against messages that were not fetched yet is nothing to those that come now. */
  #forgetAhead(): void {
    const from = this.fetching.offset
    if (this.suspect !== null && this.suspect >= from) this.suspect = null
    if (this.convicted !== null && this.convicted.offset >= from) this.convicted = null
    if (this.failed !== null && this.failed.offset >= from) this.failed = null
    this.fetching.stopsAt = undefined
  }

  /** An exhausted message: the partition stands still before it, with all before it finished. */
  pauseAt(offset: number): void {
    // A later epoch does no harm (see Page#epoch); that of what was finished last may have ended before this offset, in a
    // log that is compacted, and the offset would look truncated.
    this.finish(offset, this.buffer.head?.leaderEpoch ?? this.#epoch)
    this.handBack(offset)
  }

  /**
   * The partition stands still before that message, and holds no memory. How far it is finished is not written again: a
   * message that was entrusted to main may be finished by now.
   */
  handBack(offset: number): void {
    this.enter('paused')
    this.fetching.halted = true
    this.fetching.offset = offset
    this.buffer.clear()
    this.publishPosition()
  }

  /**
   * Main stores the next message in the dead-letter topic, and finishes it on the page: behind it, with the epoch that
   * stands there. Its own does no harm, an earlier one would (see Page#epoch).
   */
  awaitDeadLetter(offset: number): void {
    this.enter('dead-lettering')
    this.finish(offset, this.buffer.head?.leaderEpoch ?? this.#epoch)
  }

  /** Its buffer's memory is needed elsewhere, as far as it can be freed. What was in it is fetched again. */
  letGo(): void {
    const { head } = this.buffer
    const offset = this.buffer.letGo(this.inFlight || this.#handling === 'dead-lettering')
    if (head === undefined || offset === undefined) return
    this.fetching.offset = offset
    // The new position has to stand when another leads. Not with the epoch of what is finished: see pauseAt.
    this.fetching.offsetEpoch = head.leaderEpoch
    this.fetching.atEnd = false
    this.publishPosition()
  }

  /** It stands still before the batch that is not to be decoded, as soon as what is before that is handled. */
  stop(): void {
    const { fetching } = this
    const { stopsAt } = fetching
    // What is hidden before it counts as finished then: main hands nothing out that stands there.
    if (stopsAt !== undefined && stopsAt > fetching.offset) this.moveTo(stopsAt, fetching.offsetEpoch)
    fetching.halted = true
  }

  /** A Fetch brought something. */
  feed(batch: MessageBatch): void {
    this.buffer.push(batch)
    this.fetching.offset = batch.nextOffset
    this.fetching.offsetEpoch = batch.leaderEpoch ?? NO_EPOCH
    this.fetching.appetite.fed(batch)
    if (batch.largestBytes > 0) this.#page.sawBatches(this.#index, batch.largestBytes)
  }

  /** It cannot be fetched: where it ends is not known any more. */
  loseEnd(): void {
    this.publishPosition(NO_END)
  }

  /** Publishes the next offset to fetch and, if it is known, where what may be read ends. */
  publishPosition(end = Number(this.#page.end(this.#index))): void {
    this.#page.fetched(this.#index, this.fetching.offset, end)
  }
}
