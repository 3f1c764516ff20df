import { expectTypeOf, test } from 'vitest'
import type { z } from 'zod'
import type { AssignorOption } from '#src/config/assignor-names.js'
import type { KafkaProperties } from '#src/config/names/kafka-properties.js'
import type { AdminOptions, DeadLetterOptions, PoolOptions, ProcessingOptions } from '#src/config/options.js'
import type { consumerFields } from '#src/config/schema/consumer-fields.js'
import type { kafkaFields } from '#src/config/schema/kafka-fields.js'
import type { ConsumerOptions, KafkaOptions, SaslOptions, SslOptions } from '#src/config/schema/kafka-options.js'
import type { poolFields } from '#src/config/schema/pool-fields.js'
import type { processingFields } from '#src/config/schema/processing-fields.js'

/* These hold when they compile: a name that only one side has, or another type on one side, does not. */

/** What one may write for what the schema yields. */
type Written<T> = T extends readonly (infer Item)[] ? readonly Item[] : T extends object ? AllWritten<T> : T
type AllWritten<T> = { [Name in keyof T]?: Written<T[Name]> | undefined }

/** The same in `kafka` and `consumer`, where text will do for everything. */
type Text<T> = T extends number
  ? number | `${number}`
  : T extends boolean
    ? T | `${T}`
    : T extends readonly string[]
      ? string | readonly string[]
      : T extends object
        ? AllText<T>
        : T
type AllText<T> = { [Name in keyof T]?: Text<T[Name]> | undefined }

type Kafka = z.output<typeof kafkaFields>
type NotText = 'ssl' | 'sasl' | 'codecs'
type Files = 'ca' | 'cert' | 'key' | 'crl' | 'pfx'
type Providers = 'mechanism' | 'oauthBearerProvider' | 'authenticationProvider'

test('the options of pool and processing that editors show are those of the schema', () => {
  type Pool = z.output<typeof poolFields>
  expectTypeOf<Omit<PoolOptions, 'admin'>>().toEqualTypeOf<AllWritten<Omit<Pool, 'admin'>>>()
  expectTypeOf<AdminOptions>().toEqualTypeOf<AllWritten<Omit<Pool['admin'], 'enabled'>>>()
  type Processing = z.output<typeof processingFields>
  type Others = 'deadLetter' | 'assignors'
  expectTypeOf<Omit<ProcessingOptions, Others>>().toEqualTypeOf<AllWritten<Omit<Processing, Others>>>()
  // Editors offer the names that there are.
  expectTypeOf<ProcessingOptions['assignors']>().toEqualTypeOf<readonly AssignorOption[] | undefined>()
  expectTypeOf<NonNullable<ProcessingOptions['assignors']>>().toExtend<readonly Processing['assignors'][number][]>()
  expectTypeOf<DeadLetterOptions>().toEqualTypeOf<AllWritten<Omit<Processing['deadLetter'], 'enabled'>>>()
})

test('the options of kafka and consumer that editors show are those of the schema', () => {
  type Own<T> = Omit<T, keyof KafkaProperties>
  expectTypeOf<Own<ConsumerOptions>>().toEqualTypeOf<AllText<z.output<typeof consumerFields>>>()
  expectTypeOf<Omit<Own<KafkaOptions>, NotText>>().toEqualTypeOf<AllText<Omit<Kafka, NotText>>>()
  expectTypeOf<keyof Own<KafkaOptions>>().toEqualTypeOf<keyof Kafka>()
  expectTypeOf<keyof NonNullable<KafkaOptions['codecs']>>().toEqualTypeOf<keyof Kafka['codecs']>()
})

test('the options of TLS and SASL that editors show are those of the schema', () => {
  expectTypeOf<Omit<SslOptions, Files>>().toEqualTypeOf<AllText<Omit<Kafka['ssl'], Files | 'enabled'>>>()
  expectTypeOf<keyof SslOptions>().toEqualTypeOf<Exclude<keyof Kafka['ssl'], 'enabled'>>()
  expectTypeOf<Omit<SaslOptions, Providers>>().toEqualTypeOf<AllText<Omit<Kafka['sasl'], Providers | 'enabled'>>>()
  expectTypeOf<keyof SaslOptions>().toEqualTypeOf<Exclude<keyof Kafka['sasl'], 'enabled'>>()
})
