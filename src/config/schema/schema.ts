import { consumerFields } from './consumer-fields.js'
import { kafkaFields } from './kafka-fields.js'
import { poolFields } from './pool-fields.js'
import { processingFields } from './processing-fields.js'

/*
 * Every option, once: name, type, default, meaning. The layers are checked value by value against these fields, what
 * the merge yields is parsed by them, and docs/configuration.md is generated from them.
 */

/** The sections of the configuration. A leaf's path begins with the name of its section. */
export const sections = {
  kafka: kafkaFields,
  consumer: consumerFields,
  processing: processingFields,
  pool: poolFields,
} as const

export type Section = keyof typeof sections
