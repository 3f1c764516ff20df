import type { TopicPartition } from './metadata.js'
import type { RawMessage } from './raw-message.js'

/** What appends messages to a log. */
export interface ProduceClient {
  /**
   * Appends messages as one batch, and resolves with the offset of the first when all in-sync replicas have them
   * (acks=all). Rejects with a {@link KafkaError}; they may be there all the same when no answer came. A topic that is
   * missing is never made.
   *
   * @param node that leads the partition
   * @param how.compress with gzip
   */
  produce(
    node: number,
    where: TopicPartition,
    messages: readonly RawMessage[],
    how?: { readonly compress?: boolean },
  ): Promise<bigint>
}
