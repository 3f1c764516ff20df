import { makeTopic } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import { adminClient, createTopic } from '../cluster/index.js'
import { recordsIn, type StoredRecord } from '../cluster/raw-records.js'

/** A topic and the name of its dead-letter topic, and what makes that. */
export const topicsFor = async (partitions: number) => {
  const topic = await createTopic({ partitions, name: 'orders' })
  const dead = `${topic}.dlq`
  const create = async (config: Readonly<Record<string, string>> = {}, count = partitions) =>
    makeTopic(await adminClient(), dead, { partitions: count, config })
  return { topic, dead, create }
}

/** Waits for so many dead letters in a partition, and resolves with all that are there. */
export const untilStored = (topic: string, partition: number, count: number): Promise<StoredRecord[]> =>
  until(
    async () => {
      const records = await recordsIn({ topic, partition })
      return records.length >= count && records
    },
    { what: `${count} dead letters in ${topic}-${partition}`, everyMs: 100 },
  )
