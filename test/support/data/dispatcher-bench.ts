import { pino } from 'pino'
import type { Handler } from '#src/data/handler.js'
import type { ContextFacts } from '#src/data/handling/context.js'
import { Dispatcher } from '#src/data/handling/dispatcher.js'
import { Failures } from '#src/data/handling/failures.js'
import { Gate } from '#src/data/handling/gate.js'
import { giveUp } from '#src/data/handling/give-up.js'
import type { FailurePolicy } from '#src/data/handling/retry.js'
import { Turns, type TurnsOptions } from '#src/data/handling/turns.js'
import type { Partition } from '#src/data/partition.js'
import { Partitions } from '#src/data/partitions.js'
import { Ledger } from '#src/protocol/ledger.js'
import type { AssignedPartition, FromThread } from '#src/protocol/messages.js'
import { Page } from '#src/protocol/page.js'
import { monotonicMs, wallAheadMs } from '#src/util/clock.js'
import { batch } from './batches.js'

export interface BenchOptions extends Partial<FailurePolicy> {
  readonly concurrency?: number
  readonly maxProcessingMs?: number
  readonly now?: () => number
  readonly wallAhead?: () => number
  readonly arrivingBytes?: () => number
  readonly awaitsFirst?: () => boolean
  readonly hurries?: () => boolean
  readonly onTurn?: (nowMs: number) => void
  readonly journal?: TurnsOptions['journal']
}

/** A dispatcher with everything that belongs to it, on a test bench: the test plays the fetcher and the main thread. */
export class DispatcherBench {
  readonly ledger: Ledger
  readonly partitions = new Partitions()
  readonly dispatcher: Dispatcher
  readonly turns: Turns
  readonly posted: FromThread[] = []
  readonly faults: unknown[] = []
  readonly pages = new Map<Partition, { readonly page: Page; readonly index: number }>()
  #nextId = 0

  constructor(handler: Handler, options: BenchOptions = {}) {
    const { concurrency = 1, maxProcessingMs = 300_000, now = monotonicMs } = options
    const policy: FailurePolicy = {
      retry: options.retry ?? { attempts: 3, initialDelayMs: 1, maxDelayMs: 2 },
      onExhausted: options.onExhausted ?? 'pause',
      deadLetter: options.deadLetter ?? null,
    }
    this.ledger = Ledger.create(concurrency)
    this.ledger.extendLease(now() + 60_000)
    const log = pino({ level: 'silent' })
    const { ledger, partitions } = this
    const post = (message: FromThread) => void this.posted.push(message)
    const facts: ContextFacts = { slot: 0, incarnation: 1, clientId: 'test', maxProcessingMs, ledger, log, now }
    const wallAhead = options.wallAhead ?? wallAheadMs
    const gate = new Gate({ ledger, partitions, log, now, wallAhead, onReopen: () => this.dispatcher.scheduleAll() })
    const turns = new Turns({
      handler,
      facts,
      gate,
      failures: new Failures({ policy, ledger, log, post, now }),
      arrivingBytes: options.arrivingBytes ?? (() => 0),
      awaitsFirst: options.awaitsFirst ?? (() => false),
      hurries: options.hurries ?? (() => false),
      onTurn: options.onTurn ?? (() => {}),
      journal: options.journal ?? null,
      onRoom: () => {},
      onRetry: (partition) => this.dispatcher.schedule(partition),
      onGivenUp: (given) => giveUp(given, post),
    })
    this.turns = turns
    const onFault = (fault: unknown) => void this.faults.push(fault)
    this.dispatcher = new Dispatcher({ concurrency, partitions, gate, turns, onFault })
  }

  assign(
    ...assigned: readonly ({
      topic?: string
      partition: number
      offset?: number
    } & Pick<AssignedPartition, 'exhausted' | 'failed' | 'suspect' | 'convicted' | 'stopsAt'>)[]
  ): Partition[] {
    const page = Page.create(assigned.map(({ offset = 0 }) => BigInt(offset)))
    const added = assigned.map(({ topic = 't', partition, offset = 0, ...more }, index) => ({
      id: this.#nextId++,
      topic,
      partition,
      index,
      offset: String(offset),
      batchBytes: 0,
      ...more,
    }))
    const partitions = this.partitions.add(added, Page.from(page.buffer))
    for (const [index, partition] of partitions.entries()) this.pages.set(partition, { page, index })
    return partitions
  }

  /** What the fetcher does with an answer. */
  feed(partition: Partition, offsets: readonly number[], nextOffset?: number): void {
    if (partition.fetching.halted) return
    const fetched = batch(partition.topic, partition.partition, offsets, nextOffset)
    partition.fetching.offset = fetched.nextOffset
    partition.buffer.push(fetched)
    this.dispatcher.schedule(partition)
  }

  finishedUpTo(partition: Partition): number {
    const place = this.#place(partition)
    return Number(place.page.finishedUpTo(place.index))
  }

  position(partition: Partition): number {
    const place = this.#place(partition)
    return Number(place.page.position(place.index))
  }

  retryInMs(partition: Partition): number {
    const place = this.#place(partition)
    return place.page.retryInMs(place.index, monotonicMs())
  }

  /** What main does with a partition that is taken away, before any message arrives. */
  revoke(partition: Partition): void {
    const { page, index } = this.#place(partition)
    page.revoke(index)
    this.ledger.raise(4)
  }

  #place(partition: Partition) {
    const place = this.pages.get(partition)
    if (place === undefined) throw new Error(`${partition.key} was never assigned`)
    return place
  }
}
