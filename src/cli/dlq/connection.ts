import { deadLetterTopic } from '../../config/dead-letter-topic.js'
import { loadConfigFile } from '../../config/load-file.js'
import { resolveConfig } from '../../config/resolve.js'
import type { KafkaConfig } from '../../config/resolved.js'
import { ClientIds } from '../../identity.js'
import type { Client } from '../../kafka/client.js'
import { createClient } from '../../kafka/create-client.js'
import { createLogger } from '../../telemetry/logger.js'
import { formatLogLine } from '../log-line.js'
import { type Fields, overlay } from '../overlay.js'
import { paintFor } from '../paint.js'
import { leafSetting, readSetting } from '../setting.js'
import { UsageError } from '../usage-error.js'

/** The options of every `dlq` command that say where Kafka is. */
export interface ConnectionFlags {
  readonly topic: string
  readonly brokers?: readonly string[]
  readonly set?: readonly string[]
  readonly config?: string
}

/** What a pool needs and this command has no use for. */
const STAND_INS = { topics: ['stand-in'], handler: './stand-in.mjs', workers: 1 }

/**
 * The connection that a pool with these options would have: that of the subscription whose dead letters go to the topic,
 * if there is one.
 *
 * @param file what the configuration file holds, or null when there is none
 * @throws UsageError, ConfigError
 */
export const kafkaFor = ({ topic, brokers, set = [] }: ConnectionFlags, file: Fields | null): KafkaConfig => {
  const flags = brokers === undefined ? [] : [leafSetting('kafka.brokers', brokers)]
  const settings = [...flags, ...set.map(readSetting)]
  if (file === null && !settings.some(({ leaves }) => leaves.includes('kafka.brokers'))) {
    throw new UsageError(
      '--brokers is missing, and no configuration file was found: kafka-consumer-pool.config.json, .js, .mjs, .cjs, .ts or .mts, here or above, or --config',
    )
  }
  const group = leafSetting('consumer.groupId', 'stand-in')
  const options = file === null ? overlay(STAND_INS, [...settings, group]) : overlay(file, settings)
  const { slots } = resolveConfig(options)
  const sends = slots.find(({ topics, deadLetter }) =>
    topics.some((source) => deadLetter !== null && deadLetterTopic(deadLetter.topic, source) === topic),
  )
  const found = sends ?? slots[0]
  if (found === undefined) throw new UsageError('the configuration has no subscription')
  return found.kafka
}

/** Runs an action with a client that is connected, and closes it. */
export const withClient = async <T>(flags: ConnectionFlags, action: (client: Client) => Promise<T>): Promise<T> => {
  const file = await loadConfigFile(flags.config)
  const kafka = kafkaFor(flags, file === null ? null : { ...file.options })
  const { stderr } = process
  const paint = paintFor(stderr)
  const log = createLogger({ level: 'warn' }, { write: (line) => stderr.write(formatLogLine(line, paint)) })
  const client = createClient({ clientId: new ClientIds().next(kafka.clientId, 'dlq'), kafka, log })
  try {
    await client.connect()
    return await action(client)
  } finally {
    client.close()
  }
}
