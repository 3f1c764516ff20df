import type { Logger } from 'pino'
import type { ConsumerConfig } from '../../config/resolved.js'
import type { DataClient } from '../../kafka/client.js'
import type { TopicMetadata } from '../../kafka/metadata.js'
import type { Ledger } from '../../protocol/ledger.js'
import type { FromThread } from '../../protocol/messages.js'
import type { Partition } from '../partition.js'
import type { Partitions } from '../partitions.js'

/** What the parts of the fetcher share. */
export interface FetchContext {
  readonly client: DataClient
  readonly ledger: Pick<Ledger, 'beginDecoding' | 'endDecoding' | 'tally'>
  /** The leaders, as main knew them when this incarnation began. */
  readonly knownTopics: readonly TopicMetadata[]
  readonly partitions: Partitions
  readonly consumer: ConsumerConfig
  readonly fromBeginning: boolean
  readonly log: Logger
  readonly post: (message: FromThread) => void
  /** The buffer of this partition has something new. */
  readonly onFetched: (partition: Partition) => void
  /** A fault of our own: nothing that a broker or a handler can cause. */
  readonly onFault: (fault: unknown) => void
  /** Monotonic. */
  readonly now: () => number
}
