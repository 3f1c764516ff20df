import type { WritingClient } from '#src/kafka/client.js'
import type { TopicMetadata, TopicPartition } from '#src/kafka/metadata.js'
import type { RawMessage } from '#src/kafka/raw-message.js'
import { FakeClient } from './fake-client.js'

/** A request to append messages. */
export interface Appended {
  readonly node: number
  readonly where: TopicPartition
  readonly messages: readonly RawMessage[]
  readonly compress: boolean
}

/** A client that writes what a test sees, to topics that it describes. */
export class FakeWriter extends FakeClient implements WritingClient {
  readonly appended: Appended[] = []
  /** What becomes of the next attempts; they succeed without. */
  readonly errors: unknown[] = []
  found: TopicMetadata[] = []
  lookUps = 0

  override topics = async (names: readonly string[]): Promise<TopicMetadata[]> => {
    this.lookUps += 1
    return names.map(
      (topic) =>
        this.found.find((each) => each.topic === topic) ?? {
          ...{ topic, error: 'UNKNOWN_TOPIC_OR_PARTITION', partitions: [] },
        },
    )
  }

  async produce(
    node: number,
    where: TopicPartition,
    messages: readonly RawMessage[],
    { compress = false }: { readonly compress?: boolean } = {},
  ): Promise<bigint> {
    this.appended.push({ node, where, messages, compress })
    const error = this.errors.shift()
    if (error !== undefined) throw error
    return BigInt(this.appended.length - 1)
  }
}
