import type { BrokerConnection } from '../brokers/broker-connection.js'
import { brokerError } from '../errors.js'
import type { TopicPartitionOffset } from '../offsets.js'
import { readDeleted } from './answers.js'
import { byTopic, flatten } from './by-topic.js'

/**
 * Deletes what is below these offsets, of partitions that this one broker leads.
 *
 * @param timeoutMs how long the broker may wait for the replicas
 * @throws KafkaError
 */
export const deleteRecords = async (
  connection: BrokerConnection,
  offsets: readonly TopicPartitionOffset[],
  timeoutMs: number,
): Promise<void> => {
  const topics = byTopic(offsets, ({ partition, offset }) => ({ partition, offset: String(offset) }))
  const answer = await connection.ask(
    'DeleteRecords',
    { topics, timeout: timeoutMs },
    {
      read: (reader, version) => readDeleted(reader, version, offsets.length),
    },
  )
  const failed = flatten(answer.topics).find(({ errorCode }) => errorCode !== 0)
  if (failed !== undefined) throw brokerError(failed.errorCode, `DeleteRecords of ${failed.topic}[${failed.partition}]`)
}
