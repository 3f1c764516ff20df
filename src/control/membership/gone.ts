import type { TopicMetadata, TopicPartition } from '../../kafka/metadata.js'
import { partitionName } from '../../util/partition-name.js'
import { within } from '../../util/within.js'
import { type AskTopics, steadyTopics } from './steady-topics.js'

/** A rebalance waits so long for the metadata: where no broker tells them, everything is taken to be there. */
const ASK_MS = 500

/** The names of those of the partitions that the brokers do not have any more: the topic was deleted, or made anew with fewer. */
export const goneOf = async (partitions: readonly TopicPartition[], ask: AskTopics): Promise<ReadonlySet<string>> => {
  const names = [...new Set(partitions.map(({ topic }) => topic))]
  let found: readonly TopicMetadata[] = []
  const asked = steadyTopics(names, ask).then((topics) => {
    found = topics
  })
  if (!(await within(asked, ASK_MS))) return new Set()
  const counts = new Map(found.map((topic) => [topic.topic, countOf(topic)]))
  const isGone = ({ topic, partition }: TopicPartition) => partition >= (counts.get(topic) ?? Number.POSITIVE_INFINITY)
  return new Set(partitions.filter(isGone).map(partitionName))
}

/** An error of another kind says nothing. */
const countOf = ({ error, partitions }: TopicMetadata): number => {
  if (error === null) return partitions.length
  return error === 'UNKNOWN_TOPIC_OR_PARTITION' ? 0 : Number.POSITIVE_INFINITY
}
