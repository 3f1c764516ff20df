import type { TopicPartition } from './metadata.js'

export interface TopicPartitionOffset extends TopicPartition {
  readonly offset: bigint
  /** Under which leader the message before `offset` was written, or a later leader that has it too. @default NO_EPOCH */
  readonly leaderEpoch?: number
  /** What a consumer has committed beside it. @default nothing */
  readonly metadata?: string
}

/** A position that is to be compared with the leader's log. */
export interface EpochQuestion extends TopicPartition {
  /** Of the leader that is asked. */
  readonly currentLeaderEpoch: number
  /** Of the position. */
  readonly leaderEpoch: number
}

/** The last epoch up to the one asked for in the leader's log, and where that ends there. */
export interface EpochEnd extends TopicPartition {
  /** Kafka's error name, or null. */
  readonly error: string | null
  /** {@link NO_EPOCH} when the log begins with a later one, or ends before. */
  readonly leaderEpoch: number
  /** -1 when `leaderEpoch` is {@link NO_EPOCH}. */
  readonly endOffset: number
}

/** Start or end of a log, or its first message that is not older than a moment (ms since 1970). */
export type LogPlace = 'earliest' | 'latest' | { readonly timestamp: number }

/** What a client is asked about the logs of partitions. */
export interface LogClient {
  /**
   * Offset of that place in each partition, asked of its leader; -1n when no message is as young as the timestamp. `atMostMs` is for how long each
   * answer is waited for, if `requestTimeout` is longer.
   */
  listOffsets(
    partitions: readonly TopicPartition[],
    at: LogPlace,
    how: { readonly readUncommitted: boolean; readonly atMostMs?: number },
  ): Promise<readonly TopicPartitionOffset[]>
  /** Where leader epochs end in the leader's log (KIP-320); null when the broker is too old to say. */
  endsOfEpochs(node: number, questions: readonly EpochQuestion[]): Promise<readonly EpochEnd[] | null>
}
