import type { TopicPartitionOffset } from './offsets.js'

/** What deletes the beginning of logs. */
export interface DeletingClient {
  /** Deletes everything below these offsets, each at its partition's leader. Rejects with a {@link KafkaError}. */
  deleteRecords(offsets: readonly TopicPartitionOffset[]): Promise<void>
}
