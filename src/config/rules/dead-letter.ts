import { isSameCluster } from '../consumer-groups.js'
import { deadLetterTopic } from '../dead-letter-topic.js'
import type { LayeredSlot } from '../groups.js'
import type { Issues } from '../issues.js'
import { atLeast, type Layer } from '../layers/layer.js'
import type { DeadLetterConfig, SlotConfig } from '../resolved.js'
import { isTopicName } from './topics.js'

const SWITCH = 'processing.deadLetter.enabled'
const TOPIC = 'processing.deadLetter.topic'
const EXHAUSTED = 'processing.onExhausted'

/** What the merged layers say of dead letters, or null when nothing turns them on. */
export const resolveDeadLetter = (
  layer: Layer,
  said: Omit<DeadLetterConfig, 'resumeAfterMs'> & { readonly resumeAfterMs?: number | undefined },
  topics: readonly string[],
  issues: Issues,
): DeadLetterConfig | null => {
  const { topic, partition, breaker, resumeAfterMs = null } = said
  const enabled = layer.get(SWITCH)
  if (enabled?.value !== true) return null
  refuseSkipping(layer, topic, issues)
  if (!issues.isFaulty(TOPIC)) {
    for (const name of topics) refuseBadName(layer, topic, name, issues)
  }
  return { topic, partition, breaker, resumeAfterMs }
}

/** Where the topic's name stands, or what turned dead letters on. */
const placeOf = (layer: Layer): string => {
  const topic = layer.get(TOPIC)
  return (topic === undefined || topic.rank === 'default' ? layer.get(SWITCH) : topic)?.from ?? 'deadLetter'
}

const refuseSkipping = (layer: Layer, topic: string, issues: Issues): void => {
  const exhausted = layer.get(EXHAUSTED)
  const enabled = layer.get(SWITCH)
  if (exhausted?.value !== 'skip' || enabled === undefined) return
  const blamed = atLeast(exhausted.rank, enabled.rank) ? exhausted.from : enabled.from
  issues.add(
    blamed,
    `onExhausted (skip) passes exhausted messages over, but deadLetter.topic (${topic}) takes them. Remove onExhausted, or turn the other off (deadLetter: false)`,
  )
}

const refuseBadName = (layer: Layer, pattern: string, topic: string, issues: Issues): void => {
  const name = deadLetterTopic(pattern, topic)
  if (isTopicName(name)) return
  const [fault, remedy] =
    name.length > 249
      ? [`has ${name.length} characters; Kafka allows 249`, 'Take a shorter one']
      : ['is none that Kafka allows', 'Take another one']
  issues.add(placeOf(layer), `"${pattern}" makes "${name}" of topic "${topic}", which ${fault}. ${remedy}`)
}

/** Where the dead letters of a topic go, as the first slot that consumes it says; null when they stay. */
const targetOf = (topic: string, slots: readonly SlotConfig[]): string | null => {
  const deadLetter = slots.find(({ topics }) => topics.includes(topic))?.deadLetter
  return deadLetter ? deadLetterTopic(deadLetter.topic, topic) : null
}

/** The topics that a message passes as a dead letter, from `topic` on, up to the first that it meets again. */
const wayFrom = (topic: string, slots: readonly SlotConfig[]): string[] => {
  const way = [topic]
  for (let next = targetOf(topic, slots); next !== null; next = targetOf(next, slots)) {
    way.push(next)
    if (way.indexOf(next) < way.length - 1) break
  }
  return way
}

/**
 * A dead letter must not come back to a handler that could not handle it. (Another subscription may consume the
 * dead-letter topic, with a handler of its own.)
 */
export const refuseLoops = (slots: readonly LayeredSlot[], issues: Issues): void => {
  for (const { config, layer } of slots) {
    if (config.deadLetter === null) continue
    const cluster = slots.map((slot) => slot.config).filter((other) => isSameCluster(config, other))
    for (const topic of config.topics) {
      const way = wayFrom(topic, [config, ...cluster])
      const [, target = ''] = way
      if (config.topics.includes(target)) {
        issues.add(
          placeOf(layer),
          `"${config.deadLetter.topic}" sends dead letters of "${topic}" to "${target}", which the same handler consumes and cannot handle. Name a topic that subscriptions[${config.subscription}] does not consume`,
        )
      } else if (way.indexOf(way.at(-1) ?? '') < way.length - 1) {
        issues.add(
          placeOf(layer),
          `dead letters of "${topic}" come back to where they were: ${way.join(' → ')}. Let one of these subscriptions send them elsewhere, or nowhere (deadLetter: false)`,
        )
      }
    }
  }
}
