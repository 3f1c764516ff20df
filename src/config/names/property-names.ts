import type { KafkaProperties } from './kafka-properties.js'
import {
  readAssignors,
  readEnabledProtocols,
  readIsolation,
  readJaas,
  readPem,
  readProtocol,
  readReset,
} from './property-values.js'

/** What a dotted property sets: for each leaf's path the raw value, which is then checked like any other. */
export type PropertyReader = (value: unknown) => Readonly<Record<string, unknown>>

export interface DottedProperty {
  /** The leaves that it may set, the first being the one it stands for. */
  readonly leaves: readonly string[]
  readonly read: PropertyReader
  /** When given, the only value that can be honoured, and why there is no other. It sets nothing. */
  readonly only?: { readonly value: string; readonly reason: string }
}

const to = (path: string): DottedProperty => ({ leaves: [path], read: (value) => ({ [path]: value }) })
const by = (read: PropertyReader, ...paths: string[]): DottedProperty => ({ leaves: paths, read })
const only = (value: string, reason: string): DottedProperty => ({
  leaves: [],
  read: () => ({}),
  only: { value, reason },
})

const PEM_ONLY = 'Node reads no Java key stores: export it as PEM'

/** Kafka's names (those of the Java consumer, then what librdkafka adds) and what they set. */
const dottedProperties: Readonly<Record<keyof KafkaProperties, DottedProperty>> = {
  'bootstrap.servers': to('kafka.brokers'),
  'client.id': to('kafka.clientId'),
  'socket.connection.setup.timeout.ms': to('kafka.connectionTimeout'),
  'request.timeout.ms': to('kafka.requestTimeout'),
  'retry.backoff.ms': to('kafka.retry.initialRetryTime'),
  'retry.backoff.max.ms': to('kafka.retry.maxRetryTime'),
  'security.protocol': by(readProtocol, 'kafka.ssl.enabled', 'kafka.sasl.enabled'),
  'ssl.truststore.location': by(readPem('kafka.ssl.ca'), 'kafka.ssl.ca'),
  'ssl.truststore.certificates': to('kafka.ssl.ca'),
  'ssl.truststore.type': only('PEM', PEM_ONLY),
  'ssl.keystore.location': by(readPem('kafka.ssl.cert', 'kafka.ssl.key'), 'kafka.ssl.cert', 'kafka.ssl.key'),
  'ssl.keystore.certificate.chain': to('kafka.ssl.cert'),
  'ssl.keystore.key': to('kafka.ssl.key'),
  'ssl.keystore.type': only('PEM', PEM_ONLY),
  'ssl.key.password': to('kafka.ssl.passphrase'),
  'ssl.enabled.protocols': by(readEnabledProtocols, 'kafka.ssl.minVersion', 'kafka.ssl.maxVersion'),
  'ssl.endpoint.identification.algorithm': only(
    'https',
    'the host name of a broker is always checked, unless ssl.rejectUnauthorized is false',
  ),
  'sasl.mechanism': to('kafka.sasl.mechanism'),
  'sasl.jaas.config': by(readJaas, 'kafka.sasl.username', 'kafka.sasl.password'),
  'group.id': to('consumer.groupId'),
  'group.instance.id': to('consumer.groupInstanceId'),
  'group.protocol': only('classic', 'the pool speaks the classic group protocol'),
  'session.timeout.ms': to('consumer.sessionTimeout'),
  'heartbeat.interval.ms': to('consumer.heartbeatInterval'),
  'max.poll.interval.ms': to('processing.maxProcessingMs'),
  'partition.assignment.strategy': by(readAssignors, 'processing.assignors'),
  'auto.offset.reset': by(readReset, 'processing.fromBeginning'),
  'auto.commit.interval.ms': to('pool.commitIntervalMs'),
  'isolation.level': by(readIsolation, 'consumer.readUncommitted'),
  'fetch.min.bytes': to('consumer.minBytes'),
  'fetch.max.bytes': to('consumer.maxBytes'),
  'max.partition.fetch.bytes': to('consumer.maxBytesPerPartition'),
  'fetch.max.wait.ms': to('consumer.maxWaitTimeInMs'),
  'metadata.max.age.ms': to('consumer.metadataMaxAge'),
  'client.rack': to('consumer.rackId'),
  'allow.auto.create.topics': only('false', 'the pool never creates a topic: create it before'),
  'exclude.internal.topics': only('true', 'internal topics are read only when they are named'),
  'check.crcs': only('true', 'every batch is checked'),
  'enable.metrics.push': only('false', 'the pool pushes no metrics to the broker'),
  'metadata.broker.list': to('kafka.brokers'),
  'sasl.mechanisms': to('kafka.sasl.mechanism'),
  'sasl.username': to('kafka.sasl.username'),
  'sasl.password': to('kafka.sasl.password'),
  'ssl.ca.location': by(readPem('kafka.ssl.ca'), 'kafka.ssl.ca'),
  'ssl.ca.pem': to('kafka.ssl.ca'),
  'ssl.certificate.location': by(readPem('kafka.ssl.cert'), 'kafka.ssl.cert'),
  'ssl.certificate.pem': to('kafka.ssl.cert'),
  'ssl.key.location': by(readPem('kafka.ssl.key'), 'kafka.ssl.key'),
  'ssl.key.pem': to('kafka.ssl.key'),
  'enable.ssl.certificate.verification': to('kafka.ssl.rejectUnauthorized'),
  'fetch.wait.max.ms': to('consumer.maxWaitTimeInMs'),
  'fetch.message.max.bytes': to('consumer.maxBytesPerPartition'),
}

const properties: ReadonlyMap<string, DottedProperty> = new Map(Object.entries(dottedProperties))

export const dottedNames: readonly string[] = [...properties.keys()]

export const dottedProperty = (name: string): DottedProperty | undefined => properties.get(name)

/** Kafka's names for the leaf of that path. */
export const dottedNamesOf = (path: string): string[] =>
  dottedNames.filter((name) => properties.get(name)?.leaves.includes(path))

/** The names that can have one value only. */
export const fixedProperties: readonly { readonly name: string; readonly value: string; readonly reason: string }[] = [
  ...properties,
].flatMap(([name, { only: fixed }]) => (fixed === undefined ? [] : [{ name, ...fixed }]))
