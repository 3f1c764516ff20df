import type { AssignorName } from '../config/assignor-names.js'
import { consumerGroups } from '../config/consumer-groups.js'
import type { SlotConfig } from '../config/resolved.js'
import type { TopicMetadata } from '../kafka/metadata.js'
import { groupBy } from '../util/group-by.js'
import { assignorNamed } from './membership/assignors/index.js'

/** What the group will agree on while it has no members elsewhere: what all have, as the first of them prefers it. */
const assignorOf = (group: readonly SlotConfig[]): string =>
  group[0]?.assignors.find((name) => group.every(({ assignors: own }) => own.includes(name))) ?? 'cooperative-sticky'

const isFixed = (own: readonly SlotConfig[]): boolean => own.some(({ fixed }) => fixed !== null)

const partitionsOf = (own: readonly SlotConfig[], counts: ReadonlyMap<string, number>): number =>
  isFixed(own)
    ? own.reduce((sum, { fixed }) => sum + (fixed?.length ?? 0), 0)
    : (own[0]?.topics ?? []).reduce((sum, topic) => sum + (counts.get(topic) ?? 0), 0)

/**
 * The slots that get no partition, although nobody else is in the group. What cooperative-sticky does is known without
 * asking it, which takes too long for the main thread where the slots are many: each subscription has its topics for
 * itself, and shares them equally.
 */
const idleOf = (group: readonly SlotConfig[], counts: ReadonlyMap<string, number>): ReadonlySet<SlotConfig> => {
  if (isFixed(group)) return new Set(group.filter(({ fixed }) => fixed?.length === 0))
  const name = assignorOf(group)
  if (name === 'cooperative-sticky') {
    const subscriptions = groupBy(group, ({ subscription }) => subscription)
    return new Set([...subscriptions.values()].flatMap((own) => own.slice(partitionsOf(own, counts))))
  }
  // Their client ids stand in the same order.
  const named = group.map((slot) => ({ slot, memberId: String(slot.slot).padStart(9, '0') }))
  const members = named.map(({ slot, memberId }) => {
    return { memberId, instanceId: slot.consumer.groupInstanceId, topics: slot.topics }
  })
  const assignor = assignorNamed(name)
  if (assignor === undefined) return new Set() // what the user's own does nobody knows here
  const assignment = assignor.assign(members, counts)
  const idle = named.filter(({ memberId }) => (assignment.get(memberId) ?? []).length === 0)
  return new Set(idle.map(({ slot }) => slot))
}

/** Why more are idle than the number of partitions explains. */
const BECAUSE: Readonly<Record<string, string>> = {
  range: 'range begins with the same workers at each topic (roundrobin does not)',
  roundrobin: 'roundrobin deals the topics of all subscriptions of the group in turn',
  RoundRobinAssigner: 'RoundRobinAssigner deals the topics of all subscriptions of the group in turn',
} satisfies Record<Exclude<AssignorName, 'cooperative-sticky'>, string>

/** Of the slots of one subscription. */
const sentence = (
  own: readonly SlotConfig[],
  idle: number,
  counts: ReadonlyMap<string, number>,
  assignor: string,
): string => {
  const topics = own[0]?.topics ?? []
  const partitions = partitionsOf(own, counts)
  const share = `${own.length} workers share ${partitions} ${isFixed(own) ? 'fixed ' : ''}partition${partitions === 1 ? '' : 's'}`
  const names = topics.map((topic) => `"${topic}"`).join(', ')
  const why = idle > Math.max(0, own.length - partitions) ? `, because ${BECAUSE[assignor]}` : ''
  return `${share} of ${names}: ${idle} of them ${idle === 1 ? 'stays' : 'stay'} idle${why}`
}

/**
 * What to say of subscriptions of which some slots will never get a partition, yet each costs a thread and a member of
 * the group. (Two subscriptions of one group share no topic, but how one is dealt may depend on the other.)
 *
 * @param found the topics of all subscriptions
 * @returns null when there is nothing to say
 */
export const surplusWarning = (slots: readonly SlotConfig[], found: readonly TopicMetadata[]): string | null => {
  const counts = new Map(found.map(({ topic, partitions }) => [topic, partitions.length]))
  const remedy = slots.some(({ fixed }) => fixed !== null) ? 'assign more or add partitions' : 'add partitions'
  const lines = consumerGroups(slots, (slot) => slot).flatMap((group) => {
    const idle = idleOf(group, counts)
    return [...groupBy(group, ({ subscription }) => subscription).values()].flatMap((own) => {
      const surplus = own.filter((slot) => idle.has(slot)).length
      return surplus === 0 || own[0]?.topics.length === 0 ? [] : [sentence(own, surplus, counts, assignorOf(group))]
    })
  })
  return lines.length === 0 ? null : `${lines.join('; ')}. Lower workers, or ${remedy}`
}
