import PQueue from 'p-queue'
import { ErrorCode, PoolError } from '../../errors.js'
import type { Partition } from '../partition.js'
import type { Partitions } from '../partitions.js'
import type { Gate } from './gate.js'
import type { Turns } from './turns.js'

export interface DispatcherOptions {
  /** How many partitions may have a handler in flight at once. */
  readonly concurrency: number
  readonly partitions: Partitions
  readonly gate: Gate
  readonly turns: Turns
  /** A fault of our own: nothing that a handler can cause. */
  readonly onFault: (fault: unknown) => void
}

/**
 * Decides whose turn it is: partitions that have messages take turns in the order in which they got ready. With
 * `concurrency: 1` the turns follow each other in one loop; with more, p-queue runs so many of them at once, each in a
 * row of the ledger. A turn that begins with a suspect has no other beside it: it waits until those in front of it are over,
 * and those behind it wait for it.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #freeRows: number[]
  readonly #queue: PQueue | null
  readonly #ready: Partition[] = []
  #armed = false
  #looping = false
  /** Turns of the queue that have begun and are not over. */
  #turns = 0
  #whenStill: (() => void) | null = null
  /** The last of the turns that shall be alone; each waits for the one before. */
  #lastAlone: Promise<void> = Promise.resolve()

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#freeRows = Array.from({ length: options.concurrency }, (_, index) => options.concurrency - 1 - index)
    this.#queue = options.concurrency > 1 ? new PQueue({ concurrency: options.concurrency }) : null
  }

  /** The partition may have something to do. */
  schedule(partition: Partition): void {
    if (partition.handling !== 'idle' || partition.dropped || partition.closing || partition.buffer.empty) return
    if (!this.#options.gate.open || this.#options.partitions.isBlocked(partition)) return
    partition.enter('queued')
    this.#ready.push(partition)
    this.#arm()
  }

  scheduleAll(): void {
    for (const partition of this.#options.partitions) this.schedule(partition)
  }

  /**
   * Resolves when no handler is in flight. Main has raised rebalance or stop, so none begins after that; with stop, no retry
   * is waited for any longer.
   */
  async quiesce(): Promise<void> {
    if (this.#options.gate.stopping) this.#forgetRetries()
    await this.#options.turns.quiet()
  }

  /** Nothing of these partitions begins any more. Resolves when none of their handlers is in flight. */
  async revoke(ids: readonly number[]): Promise<void> {
    await this.#options.turns.without(this.#options.partitions.close(ids))
  }

  /** Resolves when no handler is in flight of those of the topic that are in flight now, of whatever assignment. */
  async still(topic: string, partitions: readonly number[] | null): Promise<void> {
    const isMeant = (partition: Partition) =>
      partition.topic === topic && (partitions === null || partitions.includes(partition.partition))
    await this.#options.turns.without(this.#options.partitions.inFlight.filter(isMeant))
  }

  /** No handler begins any more. Resolves when those in flight have come back. */
  async close(): Promise<void> {
    this.#options.gate.close()
    await this.quiesce()
  }

  /** Turns begin in a later phase of the event loop, so that the next Fetch leaves before a handler takes the CPU. */
  #arm(): void {
    if (this.#armed || this.#looping) return
    this.#armed = true
    setImmediate(() => {
      this.#armed = false
      if (this.#queue === null) this.#loop().catch(this.#options.onFault)
      else for (const partition of this.#ready.splice(0)) this.#enqueue(this.#queue, partition)
    })
  }

  async #loop(): Promise<void> {
    this.#looping = true
    for (let partition = this.#ready.shift(); partition !== undefined; partition = this.#ready.shift()) {
      await this.#turn(partition, 0)
    }
    this.#looping = false
  }

  #enqueue(queue: PQueue, partition: Partition): void {
    const work = () => (partition.suspect === null ? this.#inRow(partition) : this.#alone(queue, partition))
    queue.add(work).catch(this.#options.onFault)
  }

  async #inRow(partition: Partition, alone = false): Promise<void> {
    const row = this.#freeRows.pop()
    if (row === undefined) throw new PoolError(ErrorCode.internal, 'More handlers at once than the ledger has rows')
    this.#turns += 1
    await this.#turn(partition, row, alone)
    this.#turns -= 1
    this.#freeRows.push(row)
    if (this.#turns === 0) this.#whenStill?.()
  }

  /** A thread that dies meanwhile dies of this partition's message. */
  #alone(queue: PQueue, partition: Partition): Promise<void> {
    queue.pause()
    const turn = this.#lastAlone.then(async () => {
      queue.pause() // the one before has let the others go on
      if (this.#turns > 0) await new Promise<void>((resolve) => (this.#whenStill = resolve))
      this.#whenStill = null
      await this.#inRow(partition, true)
      queue.start()
    })
    this.#lastAlone = turn.catch(() => {})
    return turn
  }

  async #turn(partition: Partition, row: number, alone = false): Promise<void> {
    const { partitions, turns } = this.#options
    await turns.take(partition, row, alone)
    partition.acquit()
    this.schedule(partition)
    const waiting = partition.dropped ? partitions.release(partition) : undefined
    if (waiting !== undefined) this.schedule(waiting)
  }

  #forgetRetries(): void {
    for (const partition of this.#options.partitions) {
      if (partition.handling !== 'waiting') continue
      clearTimeout(partition.retryTimer)
      partition.enter('idle')
      partition.retryAt(null)
    }
  }
}
