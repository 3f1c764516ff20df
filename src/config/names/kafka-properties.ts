// Text is as good as a number, `true` or `false`, so that values may come from the command line or the environment.
export type Count = number | `${number}` | undefined
export type Flag = boolean | 'true' | 'false' | undefined
export type Text = string | undefined
export type List = string | readonly string[] | undefined

/**
 * Kafka's own names. As in Java they are one flat set: each may stand in `kafka` or in `consumer`. The option that one
 * stands for has a KafkaJS name as well; given both in one layer, they must agree.
 */
export interface KafkaProperties {
  /** `brokers`, separated by commas. */
  'bootstrap.servers'?: List
  /** `clientId`: the base of every client id. */
  'client.id'?: Text
  /** `connectionTimeout`, in milliseconds. */
  'socket.connection.setup.timeout.ms'?: Count
  /** `requestTimeout`, in milliseconds. */
  'request.timeout.ms'?: Count
  /** `retry.initialRetryTime`, in milliseconds. */
  'retry.backoff.ms'?: Count
  /** `retry.maxRetryTime`, in milliseconds. */
  'retry.backoff.max.ms'?: Count
  /** Turns `ssl` and `sasl` on and off. */
  'security.protocol'?: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL' | undefined
  /** `ssl.ca`, from this PEM file. */
  'ssl.truststore.location'?: Text
  /** `ssl.ca`, as PEM text. */
  'ssl.truststore.certificates'?: Text
  /** Only `PEM` can be honoured. */
  'ssl.truststore.type'?: 'PEM' | undefined
  /** `ssl.cert` and `ssl.key`, both from this PEM file. */
  'ssl.keystore.location'?: Text
  /** `ssl.cert`, as PEM text. */
  'ssl.keystore.certificate.chain'?: Text
  /** `ssl.key`, as PEM text. */
  'ssl.keystore.key'?: Text
  /** Only `PEM` can be honoured. */
  'ssl.keystore.type'?: 'PEM' | undefined
  /** `ssl.passphrase`. */
  'ssl.key.password'?: Text
  /** `ssl.minVersion` and `ssl.maxVersion`: the lowest and the highest of these, separated by commas. */
  'ssl.enabled.protocols'?: List
  /** Only `https` can be honoured. */
  'ssl.endpoint.identification.algorithm'?: 'https' | undefined
  /** `sasl.mechanism`. */
  'sasl.mechanism'?: Text
  /** `sasl.username` and `sasl.password`, from an entry with PlainLoginModule or ScramLoginModule. */
  'sasl.jaas.config'?: Text
  /** `groupId`. */
  'group.id'?: Text
  /** `groupInstanceId`. */
  'group.instance.id'?: Text
  /** Only `classic` can be honoured. */
  'group.protocol'?: 'classic' | undefined
  /** `sessionTimeout`, in milliseconds. */
  'session.timeout.ms'?: Count
  /** `heartbeatInterval`, in milliseconds. */
  'heartbeat.interval.ms'?: Count
  /** `maxProcessingMs`: here it limits one message, and no rebalance waits for it. */
  'max.poll.interval.ms'?: Count
  /** `assignors`, by name or by Java class, separated by commas. */
  'partition.assignment.strategy'?: List
  /** `fromBeginning`: true for `earliest`. */
  'auto.offset.reset'?: 'earliest' | 'latest' | undefined
  /** `commitIntervalMs` of the pool; only in the shared options. */
  'auto.commit.interval.ms'?: Count
  /** `readUncommitted`. */
  'isolation.level'?: 'read_committed' | 'read_uncommitted' | undefined
  /** `minBytes`. */
  'fetch.min.bytes'?: Count
  /** `maxBytes`. */
  'fetch.max.bytes'?: Count
  /** `maxBytesPerPartition`. */
  'max.partition.fetch.bytes'?: Count
  /** `maxWaitTimeInMs`, in milliseconds. */
  'fetch.max.wait.ms'?: Count
  /** `metadataMaxAge`, in milliseconds. */
  'metadata.max.age.ms'?: Count
  /** `rackId`. */
  'client.rack'?: Text
  /** Only `false` can be honoured. */
  'allow.auto.create.topics'?: false | 'false' | undefined
  /** Only `true` can be honoured. */
  'exclude.internal.topics'?: true | 'true' | undefined
  /** Only `true` can be honoured. */
  'check.crcs'?: true | 'true' | undefined
  /** Only `false` can be honoured. */
  'enable.metrics.push'?: false | 'false' | undefined
  /** librdkafka's name for `bootstrap.servers`. */
  'metadata.broker.list'?: List
  /** librdkafka's name for `sasl.mechanism`. */
  'sasl.mechanisms'?: Text
  /** `sasl.username`. */
  'sasl.username'?: Text
  /** `sasl.password`. */
  'sasl.password'?: Text
  /** `ssl.ca`, from this PEM file. */
  'ssl.ca.location'?: Text
  /** `ssl.ca`, as PEM text. */
  'ssl.ca.pem'?: Text
  /** `ssl.cert`, from this PEM file. */
  'ssl.certificate.location'?: Text
  /** `ssl.cert`, as PEM text. */
  'ssl.certificate.pem'?: Text
  /** `ssl.key`, from this PEM file. */
  'ssl.key.location'?: Text
  /** `ssl.key`, as PEM text. */
  'ssl.key.pem'?: Text
  /** `ssl.rejectUnauthorized`. */
  'enable.ssl.certificate.verification'?: Flag
  /** librdkafka's name for `fetch.max.wait.ms`. */
  'fetch.wait.max.ms'?: Count
  /** librdkafka's name for `max.partition.fetch.bytes`. */
  'fetch.message.max.bytes'?: Count
}
