import { duplicates, instanceIdFault, instanceIdFor } from '../identity.js'
import { groupBy } from '../util/group-by.js'
import { partitionName } from '../util/partition-name.js'
import { consumerGroups } from './consumer-groups.js'
import { spread } from './fixed-partitions.js'
import type { Issues } from './issues.js'
import type { Layer } from './layers/layer.js'
import type { SlotConfig } from './resolved.js'

/** A slot with the merged layers that it came from. */
export interface LayeredSlot {
  readonly config: SlotConfig
  readonly layer: Layer
}

const INSTANCE_ID = 'consumer.groupInstanceId'

const from = ({ layer, config }: LayeredSlot, leaf: string): string =>
  layer.get(leaf)?.from ?? `subscriptions[${config.subscription}]`

/** An id that was given for this very slot is taken as it is; one that was given for many gets the slot's number. */
const finalInstanceId = (slot: LayeredSlot, number: number, slotsInGroup: number): string | null => {
  const id = slot.config.consumer.groupInstanceId
  // What was said for the whole pool is for its members.
  if (id === null || slot.config.fixed !== null) return null
  return instanceIdFor(id, number, slot.layer.get(INSTANCE_ID)?.rank === 'slot' ? 1 : slotsInGroup)
}

/** @param namesakes all slots of one group name: that two clusters are strangers is only a guess, and ids must last */
const numbered = (namesakes: readonly LayeredSlot[]): LayeredSlot[] =>
  namesakes.map((slot, number) => {
    const groupInstanceId = finalInstanceId(slot, number, namesakes.length)
    return { ...slot, config: { ...slot.config, consumer: { ...slot.config.consumer, groupInstanceId } } }
  })

const checkInstanceIds = (group: readonly LayeredSlot[], issues: Issues): void => {
  const ids = group.map(({ config }) => config.consumer.groupInstanceId)
  const reported = new Set<string>()
  group.forEach((slot, index) => {
    const id = ids[index] ?? null
    const fault = id === null ? undefined : instanceIdFault(id)
    // One id that was given for many slots is one fault.
    if (fault !== undefined && !reported.has(from(slot, INSTANCE_ID))) {
      reported.add(from(slot, INSTANCE_ID))
      issues.add(
        from(slot, INSTANCE_ID),
        `gives slot ${slot.config.slot} a group.instance.id that ${fault}`,
        INSTANCE_ID,
      )
    }
  })
  for (const { id, at } of duplicates(ids)) {
    const [first, second] = at.flatMap((index) => group[index] ?? [])
    if (first === undefined || second === undefined) continue
    issues.add(
      from(second, INSTANCE_ID),
      `gives slot ${second.config.slot} the group.instance.id "${id}", which slot ${first.config.slot} of group "${first.config.consumer.groupId}" has already (${from(first, INSTANCE_ID)}). They would fence each other: give each its own`,
    )
  }
}

/** No partition is for two subscriptions, which would store its offset in the same place; and nobody may be a member there. */
const checkFixed = (group: readonly LayeredSlot[], issues: Issues): void => {
  const member = group.find(({ config }) => config.fixed === null)
  const firstOf = new Map<string, number>()
  for (const { config } of group) {
    const { subscription, fixed, consumer } = config
    if (fixed === null) continue
    const path = `subscriptions[${subscription}].assign`
    if (member !== undefined) {
      issues.add(
        path,
        `the group "${consumer.groupId}" has members, those of subscriptions[${member.config.subscription}], and the broker stores offsets of fixed partitions only in a group without members. Give this subscription a groupId of its own`,
      )
    }
    for (const partition of fixed.map(partitionName)) {
      const first = firstOf.get(partition) ?? subscription
      firstOf.set(partition, first)
      if (first === subscription) continue
      issues.add(
        path,
        `${partition} is in subscriptions[${first}] of the same group "${consumer.groupId}" already, and there is one offset for both. Remove it, or give this subscription a groupId of its own`,
      )
    }
  }
}

/** Each slot with its share of what its subscription has in that group. */
const dealt = (group: readonly LayeredSlot[]): LayeredSlot[] =>
  [...groupBy(group, ({ config }) => config.subscription).values()].flatMap((own) => {
    const fixed = own[0]?.config.fixed ?? null
    if (fixed === null) return own
    const shares = spread(fixed, own.length)
    return own.map((slot, place) => ({ ...slot, config: { ...slot.config, fixed: shares[place] ?? [] } }))
  })

const checkTopics = (group: readonly LayeredSlot[], issues: Issues): void => {
  const firstOf = new Map<string, LayeredSlot>()
  for (const slot of group) {
    const { subscription, topics, fixed, consumer } = slot.config
    if (fixed !== null) continue
    for (const topic of topics) {
      const first = firstOf.get(topic)
      if (first === undefined) firstOf.set(topic, slot)
      else if (first.config.subscription !== subscription) {
        issues.add(
          `subscriptions[${subscription}].topics`,
          `"${topic}" is in subscriptions[${first.config.subscription}] of the same group "${consumer.groupId}" already, so each message would go to only one of the two handlers. Remove it, or give this subscription a groupId of its own`,
        )
      }
    }
  }
}

/** The broker refuses a member that shares no protocol with all others of its group (INCONSISTENT_GROUP_PROTOCOL). */
const checkAssignors = (slots: readonly LayeredSlot[], issues: Issues): void => {
  const group = slots.filter(({ config }) => config.fixed === null)
  const [first, ...others] = group
  let common: readonly string[] = first?.config.assignors ?? []
  for (const slot of others) {
    const shared = common.filter((assignor) => slot.config.assignors.some((own) => own === assignor))
    if (shared.length === 0 && !issues.isFaulty('processing.assignors')) {
      issues.add(
        from(slot, 'processing.assignors'),
        `no assignor is common to all slots of group "${slot.config.consumer.groupId}", so they cannot be in one group. Give all of them one in common`,
      )
      return
    }
    common = shared
  }
}

/**
 * What the slots of each group demand of each other, over all subscriptions, and their final instance ids. Slots keep
 * their order.
 */
export const resolveGroups = (slots: readonly LayeredSlot[], issues: Issues): SlotConfig[] => {
  const namesakes = groupBy(slots, ({ config }) => config.consumer.groupId)
  const resolved = [...namesakes.values()].flatMap(numbered)
  const groups = consumerGroups(resolved, ({ config }) => config)
  const hasInstanceIds = !issues.isFaulty(INSTANCE_ID)
  for (const group of groups) {
    if (hasInstanceIds) checkInstanceIds(group, issues)
    // With the group's name missing or faulty, strangers would be compared.
    if (!issues.isFaulty('consumer.groupId') && group[0]?.config.consumer.groupId !== '') {
      checkTopics(group, issues)
      checkFixed(group, issues)
      checkAssignors(group, issues)
    }
  }
  return groups
    .flatMap(dealt)
    .map(({ config }) => config)
    .sort((a, b) => a.slot - b.slot)
}
