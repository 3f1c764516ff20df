import { pino } from 'pino'
import { expect, onTestFinished } from 'vitest'
import type { ConsumerConfig } from '#src/config/resolved.js'
import { Fetcher } from '#src/data/fetching/fetcher.js'
import type { Partition } from '#src/data/partition.js'
import { Partitions } from '#src/data/partitions.js'
import type { DataClient } from '#src/kafka/client.js'
import type { TopicMetadata } from '#src/kafka/metadata.js'
import { Ledger } from '#src/protocol/ledger.js'
import type { FromThread } from '#src/protocol/messages.js'
import { Page } from '#src/protocol/page.js'
import { monotonicMs } from '#src/util/clock.js'
import { consumerConfig } from '../config/slot-config.js'
import type { FakeCluster } from './fake-cluster.js'

/** A fetcher in front of a fake cluster: the test plays the dispatcher. */
export class FetcherBench {
  readonly partitions = new Partitions()
  readonly fetcher: Fetcher
  readonly posted: FromThread[] = []
  readonly lines: { readonly level: number; readonly msg: string }[] = []
  readonly faults: unknown[] = []
  readonly page: Page
  readonly ledger = Ledger.create(1)

  constructor(
    cluster: Pick<FakeCluster, 'client'> & { readonly partitions: readonly unknown[] },
    more: {
      consumer?: Partial<ConsumerConfig>
      fromBeginning?: boolean
      offset?: number
      epoch?: number
      /** As the thread before this one saw it. */
      batchBytes?: number
      known?: TopicMetadata[]
      piecesUpTo?: string
      stopsAt?: string
      now?: () => number
    } = {},
  ) {
    const {
      consumer = {},
      fromBeginning = true,
      offset = 0,
      epoch = -1,
      batchBytes = 0,
      known = [],
      now = monotonicMs,
      ...limits
    } = more
    this.page = Page.create(
      cluster.partitions.map(() => BigInt(offset)),
      cluster.partitions.map(() => epoch),
    )
    this.partitions.add(
      cluster.partitions.map((_, partition) => ({
        id: partition,
        topic: 't',
        partition,
        index: partition,
        offset: String(offset),
        leaderEpoch: epoch,
        batchBytes,
        ...limits,
      })),
      this.page,
    )
    this.fetcher = new Fetcher({
      client: cluster.client(),
      ledger: this.ledger,
      knownTopics: known,
      partitions: this.partitions,
      consumer: consumerConfig({ maxWaitTimeInMs: 1_000, ...consumer }),
      fromBeginning,
      log: pino({ base: null }, { write: (line: string) => void this.lines.push(JSON.parse(line)) }),
      post: (message) => void this.posted.push(message),
      onFetched: () => {},
      onFault: (fault) => void this.faults.push(fault),
      now,
    })
  }

  get(index: number): Partition {
    for (const partition of this.partitions) if (partition.partition === index) return partition
    throw new Error(`partition ${index} is not owned`)
  }

  /** Handles everything that is buffered of a partition; returns the offsets. */
  drain(partition: Partition): number[] {
    const offsets: number[] = []
    for (let head = partition.buffer.head; head !== undefined; head = partition.buffer.head) {
      offsets.push(...head.offsets)
      partition.buffer.shift()
      this.fetcher.hasRoom(partition)
    }
    return offsets
  }
}

/**
 * A bench whose fetcher runs; closed after the test, which fails when the fetcher had a fault.
 *
 * @param overrides what the client does in another way than the cluster's
 */
export const startFetcher = (
  cluster: FakeCluster,
  options?: ConstructorParameters<typeof FetcherBench>[1],
  overrides: (client: DataClient) => Partial<DataClient> = () => ({}),
): FetcherBench => {
  const plain = cluster.client()
  const client = { ...plain, ...overrides(plain) }
  const bench = new FetcherBench({ partitions: cluster.partitions, client: () => client }, options)
  onTestFinished(() => {
    bench.fetcher.close()
    client.close()
    expect(bench.faults).toEqual([])
  })
  bench.fetcher.start()
  return bench
}
