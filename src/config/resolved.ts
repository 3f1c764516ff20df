import type { z } from 'zod'
import type { FixedPartition } from './fixed-partitions.js'
import type { consumerFields } from './schema/consumer-fields.js'
import type { kafkaFields } from './schema/kafka-fields.js'
import type { poolFields } from './schema/pool-fields.js'
import type { processingFields } from './schema/processing-fields.js'

/*
 * What the merge of all layers yields: complete, checked, frozen, plain data that can be cloned to a thread.
 * Times are milliseconds, sizes bytes. An option is as the schema has it, unless the merge makes more of it.
 */

type Frozen<T> = T extends object ? { readonly [Name in keyof T]: Frozen<T[Name]> } : T

/** The options of a section, and in place of some what the merge makes of them. */
type Resolved<Fields extends z.ZodType, Made = unknown> = Frozen<Omit<z.output<Fields>, keyof Made>> & Made

type MadeOfKafka = {
  readonly brokers: readonly string[]
  readonly ssl: boolean | Readonly<Record<string, unknown>> | null
  readonly sasl: Readonly<Record<string, unknown>> | null
  /** Codec name (`snappy`, `lz4`, `zstd`) to the module (file URL or package name) that exports it. */
  readonly codecs: Readonly<Record<string, string>>
}

export interface KafkaConfig extends Resolved<typeof kafkaFields, MadeOfKafka> {}

type MadeOfConsumer = {
  readonly groupId: string
  /** Final `group.instance.id` of this slot, or null for a dynamic member. */
  readonly groupInstanceId: string | null
  readonly rackId: string | null
}

export interface ConsumerConfig extends Resolved<typeof consumerFields, MadeOfConsumer> {}

/** Where exhausted messages go. */
export interface DeadLetterConfig {
  /** With `{topic}` in the place of the topic that a message came from, see `deadLetterTopic`. */
  readonly topic: string
  readonly partition: 'any' | 'same'
  readonly breaker: number
  /** Null: not by itself. */
  readonly resumeAfterMs: number | null
}

/** Everything one slot needs to know; `slot` counts through the whole pool. */
export interface SlotConfig
  extends Resolved<typeof processingFields, { readonly deadLetter: DeadLetterConfig | null }> {
  readonly slot: number
  /** Index in `subscriptions`. */
  readonly subscription: number
  /** By name. */
  readonly topics: readonly string[]
  /** Regular expressions, as text (`/^orders-/`), that find more of them. */
  readonly patterns: readonly string[]
  /** Its share of the fixed partitions of its subscription; null for a member of a group, which gets what that gives it. */
  readonly fixed: readonly FixedPartition[] | null
  /** Module of the handler, as a URL. */
  readonly handler: string
  readonly kafka: KafkaConfig
  readonly consumer: ConsumerConfig
}

export type RetryConfig = SlotConfig['retry']

type RestartFields = (typeof poolFields)['shape']['restart']

export interface RestartConfig extends Resolved<RestartFields, { readonly maxPoolRestarts: number }> {}

/** Where the admin server listens, and what it wants to see. */
export interface AdminConfig {
  readonly host: string
  readonly port: number
  readonly token: string | null
}

type MadeOfPool = {
  readonly restart: RestartConfig
  readonly maxRssMb: number
  /** Null: there is none. */
  readonly admin: AdminConfig | null
}

export interface PoolSettings extends Resolved<typeof poolFields, MadeOfPool> {}

/** How many slots a subscription has: so many as `min` says at first. They come and go by themselves when `max` is more. */
export interface WorkersConfig {
  readonly min: number
  readonly max: number
}

export interface ResolvedConfig {
  readonly pool: PoolSettings
  /** Of each subscription. */
  readonly workers: readonly WorkersConfig[]
  /** By number: all that there may be without `scale` being asked for more. */
  readonly slots: readonly SlotConfig[]
}
