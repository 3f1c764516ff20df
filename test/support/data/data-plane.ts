import { pino } from 'pino'
import { Fetcher } from '#src/data/fetching/fetcher.js'
import type { Handler } from '#src/data/handler.js'
import { Dispatcher } from '#src/data/handling/dispatcher.js'
import { Failures } from '#src/data/handling/failures.js'
import { Gate } from '#src/data/handling/gate.js'
import type { FailurePolicy } from '#src/data/handling/retry.js'
import { Turns } from '#src/data/handling/turns.js'
import type { Partition } from '#src/data/partition.js'
import { Partitions } from '#src/data/partitions.js'
import type { DataClient } from '#src/kafka/client.js'
import { Control, Ledger } from '#src/protocol/ledger.js'
import type { AssignedPartition, FromThread } from '#src/protocol/messages.js'
import { Page } from '#src/protocol/page.js'
import { monotonicMs } from '#src/util/clock.js'
import { consumerConfig } from '../config/slot-config.js'

/** A partition as main holds it. */
export interface Held {
  readonly owned: Partition
  readonly page: Page
  readonly index: number
  revoked: boolean
  /** The message at which it stands still. */
  paused: string | null
}

/** What a thread is made of, without the thread: a fetcher, behind it a dispatcher. The test plays main. */
export class DataPlane {
  readonly ledger: Ledger
  readonly partitions = new Partitions()
  readonly fetcher: Fetcher
  readonly dispatcher: Dispatcher
  /** The latest assignment of each partition. */
  readonly held: Held[] = []
  readonly faults: unknown[] = []
  #nextId = 0

  constructor(options: {
    readonly client: DataClient
    readonly handler: Handler
    readonly concurrency: number
    readonly policy: FailurePolicy
    readonly rackId: string | null
    readonly bufferBytes: number
    readonly post: (message: FromThread) => void
  }) {
    const { client, handler, concurrency, policy, rackId, bufferBytes, post } = options
    this.ledger = Ledger.create(concurrency)
    const { ledger, partitions } = this
    const common = { ledger, log: pino({ level: 'silent' }), now: monotonicMs, post }
    const onFault = (fault: unknown) => void this.faults.push(fault)
    const gate = new Gate({ ...common, partitions, onReopen: () => this.dispatcher.scheduleAll() })
    const turns = new Turns({
      handler,
      facts: { ...common, slot: 0, incarnation: 1, clientId: 'test', maxProcessingMs: 300_000 },
      gate,
      failures: new Failures({ ...common, policy }),
      arrivingBytes: () => 0,
      awaitsFirst: () => this.fetcher.awaitsFirst,
      hurries: () => false,
      onTurn: () => {},
      onGivenUp: () => {},
      onRoom: (partition) => this.fetcher.hasRoom(partition),
      onRetry: (partition) => {
        this.dispatcher.schedule(partition)
        this.fetcher.hasRoom(partition)
      },
    })
    this.dispatcher = new Dispatcher({ concurrency, partitions, gate, turns, onFault })
    const limits = { maxBytesPerPartition: bufferBytes, maxBytes: bufferBytes }
    this.fetcher = new Fetcher({
      ...common,
      client,
      knownTopics: [],
      partitions,
      consumer: consumerConfig({ maxWaitTimeInMs: 500, metadataMaxAge: 5_000, rackId, ...limits }),
      fromBeginning: true,
      onFetched: (partition) => this.dispatcher.schedule(partition),
      onFault,
    })
  }

  /** What main does at once with a partition that is taken away; the thread hears of it when it is {@link assign}ed anew. */
  revoke(partition: number): void {
    const held = this.held[partition]
    if (held === undefined) return
    held.revoked = true
    held.page.revoke(held.index)
    this.ledger.raise(Control.revoked)
  }

  /**
   * The partition of this number begins, or goes on where it is finished: it was given away and comes back.
   *
   * @param seenBytes size of its batches as the thread before this one saw it
   */
  assign(partition: number, seenBytes = 0): void {
    const before = this.held[partition]
    this.revoke(partition)
    if (before !== undefined) this.partitions.drop([before.owned.id])
    const page = Page.create([before ? this.finishedUpTo(before) : 0n], [before?.page.epoch(before.index) ?? -1])
    const assigned: AssignedPartition = {
      ...{ id: this.#nextId++, topic: 't', partition, index: 0 },
      offset: String(page.finishedUpTo(0)),
      leaderEpoch: page.epoch(0),
      batchBytes: before?.page.batchBytes(before.index) ?? seenBytes,
      ...(before?.paused && { exhausted: { offset: before.paused, attempts: 3 } }),
    }
    const [owned] = this.partitions.add([assigned], page)
    if (owned !== undefined) this.held[partition] = { owned, page, index: 0, revoked: false, paused: null }
    this.fetcher.take()
  }

  finishedUpTo({ page, index }: Held): bigint {
    return page.finishedUpTo(index)
  }

  async close(): Promise<void> {
    this.fetcher.close()
    await this.dispatcher.close()
  }
}
