import { deadLetterTopic } from '../../config/dead-letter-topic.js'
import type { KafkaConfig, SlotConfig } from '../../config/resolved.js'
import type { TopicMetadata } from '../../kafka/metadata.js'
import { toErrorData } from '../../protocol/error-data.js'

type AskTopics = (kafka: KafkaConfig, names: readonly string[]) => Promise<readonly TopicMetadata[]>

const problemOf = (
  source: string,
  sourcePartitions: number,
  { topic, error, partitions }: TopicMetadata,
  which: 'any' | 'same',
): string | null => {
  const what = `dead letters of "${source}" go to "${topic}"`
  if (error === 'UNKNOWN_TOPIC_OR_PARTITION') {
    return `${what}, which is not there: the first one will hold its partition up until it is. Create it, nothing else does`
  }
  if (error === 'TOPIC_AUTHORIZATION_FAILED') {
    return `${what}, which this client may not describe: the first one will hold its partition up until it may (ACLs Describe and Write)`
  }
  if (which === 'same' && error === null && partitions.length < sourcePartitions) {
    return `${what}, which has ${partitions.length} partitions where "${source}" has ${sourcePartitions}: with deadLetter.partition "same" those of the others will hold their partitions up. Add partitions, or set it to "any"`
  }
  return null
}

/**
 * What is to be said at the start of dead-letter topics that cannot take every dead letter. It stops no start: most
 * messages need none.
 *
 * @param found the subscribed topics
 */
export const deadLetterWarnings = async (
  slots: readonly SlotConfig[],
  found: readonly TopicMetadata[],
  ask: AskTopics,
): Promise<readonly string[]> => {
  const partitionsOf = new Map(found.map(({ topic, partitions }) => [topic, partitions.length]))
  const looks = slots.flatMap(({ kafka, topics, deadLetter }) =>
    deadLetter === null
      ? []
      : topics.map((source) => ({
          ...{ kafka, source, which: deadLetter.partition },
          target: deadLetterTopic(deadLetter.topic, source),
        })),
  )
  const once = looks.filter(
    (look, index) =>
      looks.findIndex(({ source, target }) => source === look.source && target === look.target) === index,
  )
  const problems = await Promise.all(
    once.map(async ({ kafka, source, target, which }) => {
      try {
        const [metadata] = await ask(kafka, [target])
        return metadata === undefined ? null : problemOf(source, partitionsOf.get(source) ?? 0, metadata, which)
      } catch (error) {
        return `the dead-letter topic "${target}" could not be looked up: ${toErrorData(error).message}`
      }
    }),
  )
  return problems.filter((problem) => problem !== null)
}
