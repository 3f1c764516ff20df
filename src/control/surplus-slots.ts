import type { SlotConfig } from '../config/resolved.js'
import type { TopicMetadata } from '../kafka/face.js'
import { groupBy } from '../util/group-by.js'

/**
 * What to say of subscriptions that have more slots than their topics have partitions: the others will never get one, yet
 * each costs a thread and a member of the group.
 *
 * @param found the topics of all subscriptions
 * @returns null when there is nothing to say
 */
export const surplusWarning = (slots: readonly SlotConfig[], found: readonly TopicMetadata[]): string | null => {
  const counts = new Map(found.map(({ topic, partitions }) => [topic, partitions.length]))
  const lines = [...groupBy(slots, ({ subscription }) => subscription).values()].flatMap((own) => {
    const topics = own[0]?.topics ?? []
    const partitions = topics.reduce((sum, topic) => sum + (counts.get(topic) ?? 0), 0)
    if (own.length <= partitions) return []
    const names = topics.map((topic) => `"${topic}"`).join(', ')
    return [`${own.length} workers share ${partitions} partition${partitions === 1 ? '' : 's'} of ${names}`]
  })
  return lines.length === 0 ? null : `${lines.join('; ')}: the others stay idle. Lower workers, or add partitions`
}
