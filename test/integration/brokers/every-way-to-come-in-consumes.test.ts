import { beforeAll, describe, expect, inject, it } from 'vitest'
import { uniqueName } from '#scripts/support/topics.js'
import type { ConsumerPoolOptions } from '#src/index.js'
import { type SecuredBroker, startSecuredBroker, TOKEN_PROVIDER } from '../../support/cluster/secured-broker.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { collectLines } from '../../support/log-lines.js'
import { BIN, Command } from '../../support/pool/command.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

type KafkaOptions = NonNullable<ConsumerPoolOptions['kafka']>

const PARTITIONS = 4
const MESSAGES = 40
const MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const
const LOGIN_MODULES = 'org.apache.kafka.common.security'

describe.skipIf(inject('externalBroker'))('a pool consumes', () => {
  let broker: SecuredBroker
  beforeAll(async () => {
    broker = await startSecuredBroker()
  })

  const topicWithMessages = async (): Promise<string> => {
    const topic = await broker.createTopic(PARTITIONS)
    const messages = Array.from({ length: MESSAGES }, (_, n) => ({ partition: n % PARTITIONS, value: 'plain' }))
    await broker.clients.producer.send({ topic, messages })
    return topic
  }

  /** Everything is handled once and committed by two slots that come in this way, without a word of complaint. */
  const consumes = async (kafka: KafkaOptions): Promise<void> => {
    const topic = await topicWithMessages()
    const record = newRecord()
    const { logger, lines } = collectLines()
    const pool = await startPool({ topics: [topic], handler: record.handler, workers: 2, kafka, logger })
    const produced = await producedIn(topic, broker.clients)
    const verdict = await record.untilNothingIsLost(produced)
    expect(verdict).toMatchObject({ lost: [], unknown: [], repeated: [] })
    await pool.pool.stop()
    const [committed] = await broker.clients.admin.fetchOffsets({ groupId: pool.groupId, topics: [topic] })
    const offsets = new Map(committed?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))
    expect(offsets).toEqual(new Map(produced.map(({ partition, to }) => [partition, to])))
    expect(lines.filter(({ level }) => level >= 40)).toEqual([])
  }

  const sasl = (mechanism: (typeof MECHANISMS)[number]) =>
    mechanism === 'oauthbearer'
      ? { mechanism, oauthBearerProvider: TOKEN_PROVIDER }
      : { mechanism, ...broker.credentials }

  it.each(MECHANISMS)('with %s', (mechanism) => consumes({ brokers: broker.at('SASL'), sasl: sasl(mechanism) }))

  it.each(MECHANISMS)('with %s over TLS', (mechanism) =>
    consumes({ brokers: broker.at('SASL_TLS'), ssl: { ca: broker.ca }, sasl: sasl(mechanism) }))

  it('over TLS', () => consumes({ brokers: broker.at('TLS'), ssl: { ca: [broker.ca] } }))

  it('over TLS that nobody checks', () => consumes({ brokers: broker.at('TLS'), ssl: { rejectUnauthorized: false } }))

  it('over TLS with a certificate of its own', () =>
    consumes({ brokers: broker.at('MUTUAL'), ssl: { ca: Buffer.from(broker.ca), ...broker.client } }))

  it("with Java's names: SASL_SSL, a JAAS entry and a trust store", () =>
    consumes({
      brokers: undefined,
      'bootstrap.servers': broker.at('SASL_TLS').join(','),
      'security.protocol': 'SASL_SSL',
      'sasl.mechanism': 'SCRAM-SHA-512',
      'sasl.jaas.config': `${LOGIN_MODULES}.scram.ScramLoginModule required username="${broker.credentials.username}" password="${broker.credentials.password}";`,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': broker.file('truststore.pem', broker.ca),
    }))

  it("with Java's names: SASL_PLAINTEXT", () =>
    consumes({
      brokers: undefined,
      'bootstrap.servers': broker.at('SASL').join(','),
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism': 'PLAIN',
      'sasl.jaas.config': `${LOGIN_MODULES}.plain.PlainLoginModule required username='${broker.credentials.username}' password='${broker.credentials.password}';`,
    }))

  it("with Java's names: SSL and a key store whose key has a password", () =>
    consumes({
      brokers: undefined,
      'bootstrap.servers': broker.at('MUTUAL').join(','),
      'security.protocol': 'SSL',
      'ssl.truststore.certificates': broker.ca,
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': broker.file('keystore.pem', broker.lockedClient.key + broker.lockedClient.cert),
      'ssl.key.password': broker.lockedClient.password,
      'ssl.enabled.protocols': 'TLSv1.2,TLSv1.3',
    }))

  it("with librdkafka's names", () =>
    consumes({
      brokers: undefined,
      'metadata.broker.list': broker.at('SASL_TLS').join(','),
      'security.protocol': 'SASL_SSL',
      'sasl.mechanisms': 'SCRAM-SHA-256',
      'sasl.username': broker.credentials.username,
      'sasl.password': broker.credentials.password,
      'ssl.ca.location': broker.file('ca.pem', broker.ca),
      'ssl.certificate.location': broker.file('client.pem', broker.client.cert),
      'ssl.key.location': broker.file('client.key', broker.client.key),
    }))

  it('as the command, which shows the password to nobody', async () => {
    const topic = await topicWithMessages()
    const record = newRecord()
    const groupId = uniqueName('command')
    const settings = {
      'security.protocol': 'SASL_SSL',
      'sasl.mechanism': 'SCRAM-SHA-512',
      'sasl.username': broker.credentials.username,
      'sasl.password': broker.credentials.password,
      'ssl.truststore.location': broker.file('command.pem', broker.ca),
    }
    const command = new Command(process.execPath, [
      ...[BIN, 'run', '--handler', record.handler, '--brokers', broker.at('SASL_TLS').join(',')],
      ...['--topic', topic, '--group', groupId, '--from-beginning', '--workers', '2', '--log-level', 'trace'],
      ...Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
    ])
    await record.untilNothingIsLost(await producedIn(topic, broker.clients))
    command.child.kill('SIGTERM')
    expect(await command.exit).toBe(0)
    expect(command.stdout).toContain('pool stopped')
    expect(command.stdout + command.stderr).not.toContain(broker.credentials.password)
  })
})
