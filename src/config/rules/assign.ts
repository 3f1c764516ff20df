import type { FixedPartition } from '../fixed-partitions.js'
import { type Issues, pathTo, shown } from '../issues.js'
import type { Layer } from '../layers/layer.js'
import { isPlainObject } from '../layers/read-layer.js'
import type { SlotConfig, WorkersConfig } from '../resolved.js'
import { isPattern } from '../topic-pattern.js'
import { isTopicName } from './topics.js'

const EXAMPLE = 'assign: [{ topic: "orders", partitions: [0, 1, 2] }]'

/** The highest number that the protocol has room for. */
const MAX_PARTITION = 2 ** 31 - 1

const isPartition = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_PARTITION

const readTopic = (topic: unknown, path: string, issues: Issues): string | null => {
  if (typeof topic === 'string' && isTopicName(topic)) return topic
  const isExpression = topic instanceof RegExp || (typeof topic === 'string' && isPattern(topic))
  const why = isExpression ? '; a regular expression finds topics, and here each partition is named' : ''
  issues.add(path, `expected the name of a topic (1 to 249 characters of A-Z a-z 0-9 . _ -)${why}, got ${shown(topic)}`)
  return null
}

const readNumbers = (value: unknown, path: string, issues: Issues): readonly number[] => {
  if (!Array.isArray(value) || value.length === 0) {
    issues.add(path, `expected a list of at least one number of a partition, such as [0, 1, 2], got ${shown(value)}`)
    return []
  }
  const numbers: number[] = []
  value.forEach((partition: unknown, index) => {
    const at = pathTo(path, index)
    if (!isPartition(partition)) {
      issues.add(at, `expected the number of a partition, from 0 on, got ${shown(partition)}`)
    } else if (numbers.includes(partition))
      issues.add(at, `names partition ${partition} for the second time. Remove it`)
    else numbers.push(partition)
  })
  return numbers
}

/** Checks what `assign` of one subscription says. */
export const readAssign = (value: unknown, path: string, issues: Issues): readonly FixedPartition[] => {
  if (!Array.isArray(value) || value.length === 0) {
    issues.add(path, `expected a list of topics with their partitions (${EXAMPLE}), got ${shown(value)}`)
    return []
  }
  const seen = new Set<string>()
  return value.flatMap((item: unknown, index) => {
    const at = pathTo(path, index)
    if (!isPlainObject(item)) {
      issues.add(
        at,
        `expected a topic with its partitions ({ topic: "orders", partitions: [0, 1, 2] }), got ${shown(item)}`,
      )
      return []
    }
    for (const name of Object.keys(item)) {
      if (name !== 'topic' && name !== 'partitions') {
        issues.add(pathTo(at, name), `is no part of assign. Expected topic and partitions (${EXAMPLE})`)
      }
    }
    const topic = readTopic(item.topic, pathTo(at, 'topic'), issues)
    const partitions = readNumbers(item.partitions, pathTo(at, 'partitions'), issues)
    if (topic === null) return []
    if (seen.has(topic)) {
      issues.add(pathTo(at, 'topic'), `names "${topic}" for the second time. Put its partitions into one list`)
      return []
    }
    seen.add(topic)
    return partitions.map((partition) => ({ topic, partition }))
  })
}

/** What only members of a group have, and why. */
const FOR_MEMBERS: Readonly<Record<string, string>> = {
  'consumer.groupInstanceId': 'group.instance.id names a member of a group',
  'processing.assignors': 'assignors share partitions among the members of a group',
}

/** A slot with the merged layers that it came from. */
interface Layered {
  readonly config: SlotConfig
  readonly layer: Layer
}

/** What was said for the whole pool is for its members, if it has any. */
const checkForMembers = (slots: readonly Layered[], issues: Issues): void => {
  const hasMembers = slots.some(({ config }) => config.fixed === null)
  for (const { config, layer } of slots) {
    if (config.fixed === null) continue
    for (const [leaf, what] of Object.entries(FOR_MEMBERS)) {
      const setting = layer.get(leaf)
      if (setting === undefined || setting.rank === 'default' || (setting.rank === 'shared' && hasMembers)) continue
      const whose = setting.rank === 'shared' ? 'every subscription has' : `subscriptions[${config.subscription}] has`
      issues.add(
        setting.from,
        `${what}, but ${whose} fixed partitions (assign) and no members. Remove it, or subscribe to topics instead of assign`,
      )
    }
  }
}

/** What options demand of subscriptions with fixed partitions. */
export const checkAssign = (
  slots: readonly Layered[],
  workers: readonly WorkersConfig[],
  shared: Layer,
  hasOwnWorkers: (subscription: number) => boolean,
  issues: Issues,
): void => {
  const fixed = new Set(slots.filter(({ config }) => config.fixed !== null).map(({ config }) => config.subscription))
  checkForMembers(slots, issues)
  workers.forEach(({ min, max }, subscription) => {
    if (!fixed.has(subscription) || min === max) return
    issues.add(
      hasOwnWorkers(subscription) ? `subscriptions[${subscription}].workers` : 'workers',
      `is a range (${min} to ${max}), but subscriptions[${subscription}] has fixed partitions (assign), which are dealt to its workers once. Give that subscription one number: workers: ${max}`,
    )
  })
  const recovery = shared.get('pool.recovery')
  if (recovery?.value === 'rejoin' && fixed.size > 0) {
    issues.add(
      recovery.from,
      `"rejoin" has slots that crash join their group anew, but subscriptions[${[...fixed][0]}] has fixed partitions (assign) and never joins. Remove it ("handover" is the default), or give those partitions to a pool of their own`,
    )
  }
}
