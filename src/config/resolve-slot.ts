import type { z } from 'zod'
import type { Issues } from './issues.js'
import type { Layer } from './layers/layer.js'
import type { KafkaConfig, SlotConfig } from './resolved.js'
import { resolveDeadLetter } from './rules/dead-letter.js'
import { checkSlotRules } from './rules/rules.js'
import { resolveSasl, resolveSsl } from './rules/security.js'
import { consumerFields } from './schema/consumer-fields.js'
import { kafkaFields } from './schema/kafka-fields.js'
import { leavesUnder } from './schema/leaves.js'
import { processingFields } from './schema/processing-fields.js'
import type { Section } from './schema/schema.js'

/** The merged leaves of a section as the nested object that its schema describes. */
const toSection = (layer: Layer, section: Section): Record<string, unknown> => {
  const object: Record<string, unknown> = {}
  for (const { path } of leavesUnder(section)) {
    const names = path.split('.').slice(1)
    const last = names.pop() ?? ''
    let place = object
    for (const name of names) {
      place[name] ??= {}
      place = place[name] as Record<string, unknown>
    }
    const setting = layer.get(path)
    if (setting !== undefined) place[last] = setting.value
  }
  return object
}

/** The last look of the schema at a section as a whole. The leaves were checked before, so it cannot fail. */
export const parseSection = <Fields extends z.ZodType>(
  fields: Fields,
  layer: Layer,
  section: Section,
): z.output<Fields> => fields.parse(toSection(layer, section))

const required = (layer: Layer, leaf: string, path: string, remedy: string, issues: Issues): void => {
  if (!layer.has(leaf) && !issues.isFaulty(leaf)) issues.add(path, `is missing. ${remedy}`)
}

const definedCodecs = (codecs: Readonly<Record<string, string | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(codecs).flatMap(([name, module]) => (module === undefined ? [] : [[name, module]])))

/**
 * What one slot runs with, of everything that the layers say; `consumer.groupInstanceId` is still the one that the user
 * gave, because the final one depends on the other slots of the group.
 */
export const resolveSlot = (
  layer: Layer,
  place: Pick<SlotConfig, 'slot' | 'subscription' | 'topics' | 'patterns' | 'fixed' | 'handler'>,
  issues: Issues,
): SlotConfig => {
  required(
    layer,
    'kafka.brokers',
    'kafka.brokers',
    'Give at least one address: kafka: { brokers: ["host:9092"] }',
    issues,
  )
  const why =
    place.fixed === null ? 'Name the group' : 'Offsets of fixed partitions (assign) are stored in a group, too'
  required(layer, 'consumer.groupId', 'consumer.groupId', `${why}: consumer: { groupId: "orders" }`, issues)
  checkSlotRules(layer, issues)
  const ssl = resolveSsl(layer, issues)
  const sasl = resolveSasl(layer, issues)
  const { brokers = [], codecs, ...connection } = parseSection(kafkaFields, layer, 'kafka')
  const {
    groupId = '',
    groupInstanceId = null,
    rackId = '',
    ...consumer
  } = parseSection(consumerFields, layer, 'consumer')
  const kafka: KafkaConfig = { ...connection, brokers, ssl, sasl, codecs: definedCodecs(codecs) }
  const { deadLetter, ...processing } = parseSection(processingFields, layer, 'processing')
  return {
    ...place,
    ...processing,
    deadLetter: resolveDeadLetter(layer, deadLetter, place.topics, issues),
    kafka,
    consumer: { groupId, groupInstanceId, ...consumer, rackId: rackId === '' ? null : rackId },
  }
}
