/** Why a name that Kafka or KafkaJS has cannot be honoured here, and what to do instead. */
const because = (reason: string, ...names: string[]): [string, string][] => names.map((name) => [name, reason])

const JAVA_CLASS = 'it names a Java class, and there is no Java here'
const KERBEROS = 'Kerberos (GSSAPI) is not supported. Use scram-sha-512, plain, aws or oauthbearer'
const OAUTH =
  'tokens come from a module of yours: sasl: { mechanism: "oauthbearer", oauthBearerProvider: "./token.js" } in the kafka options'
const OWN_COMMITS = 'the pool itself commits what is finished, every commitIntervalMs'
const JVM_TLS = "TLS is Node's here. See the options of ssl in the kafka options"
const SOCKETS = "sockets are Node's, which the operating system tunes"
const METRICS = 'the pool keeps no Java metrics'
const RECONNECT = 'kafka.retry (retries, initialRetryTime, maxRetryTime) governs how connections are tried again'
const CLOSURE = 'a function cannot be sent to a thread'

const refusedEverywhere: ReadonlyMap<string, string> = new Map([
  ...because(
    `messages come as Buffers (key, value): decode them in the handler`,
    'key.deserializer',
    'value.deserializer',
  ),
  ...because(`${JAVA_CLASS}. Do it in the handler`, 'interceptor.classes'),
  ...because(JAVA_CLASS, 'security.providers', 'metric.reporters'),
  ...because(
    OWN_COMMITS,
    'enable.auto.commit',
    'enable.auto.offset.store',
    'auto.commit.enable',
    'autoCommit',
    'autoCommitInterval',
    'autoCommitThreshold',
  ),
  ...because(
    'messages are handed over one by one; concurrency says how many at once, maxProcessingMs how long one may take',
    'max.poll.records',
    'partitionsConsumedConcurrently',
  ),
  ...because('there is no call that it could limit. See requestTimeout, drainTimeoutMs', 'default.api.timeout.ms'),
  ...because('it belongs to the consumer group protocol of KIP-848. Use assignors', 'group.remote.assignor'),
  ...because('the pool is not a share consumer', 'share.acknowledgement.mode', 'share.acquire.mode'),
  ...because(
    'values are taken as they stand. A configuration in JavaScript can read them from process.env or a file',
    'config.providers',
  ),
  ...because('every address that the name resolves to is left to Node', 'client.dns.lookup'),
  ...because(SOCKETS, 'receive.buffer.bytes', 'send.buffer.bytes', 'connections.max.idle.ms'),
  ...because('connectionTimeout is one constant time', 'socket.connection.setup.timeout.max.ms'),
  ...because(
    RECONNECT,
    'reconnect.backoff.ms',
    'reconnect.backoff.max.ms',
    'metadata.recovery.strategy',
    'metadata.recovery.rebootstrap.trigger.ms',
  ),
  ...because(METRICS, 'metrics.num.samples', 'metrics.recording.level', 'metrics.sample.window.ms'),
  ...because(
    `${JVM_TLS}`,
    'ssl.protocol',
    'ssl.provider',
    'ssl.engine.factory.class',
    'ssl.keymanager.algorithm',
    'ssl.trustmanager.algorithm',
    'ssl.secure.random.implementation',
  ),
  ...because('give OpenSSL names, separated by colons, as ssl: { ciphers } in the kafka options', 'ssl.cipher.suites'),
  ...because(
    'a PEM file has no store password. The password of the key is ssl.key.password',
    'ssl.keystore.password',
    'ssl.truststore.password',
  ),
  ...because(
    `${JAVA_CLASS}. For OAuth, ${OAUTH}`,
    'sasl.client.callback.handler.class',
    'sasl.login.callback.handler.class',
    'sasl.login.class',
  ),
  // KafkaJS
  ...because('the pool never creates a topic: create it before', 'allowAutoTopicCreation'),
  ...because('requests that take longer than requestTimeout always fail', 'enforceRequestTimeout'),
  ...because('the pool decides how many requests are under way', 'maxInFlightRequests'),
  ...because('give the names of assignors instead: assignors: ["range"]', 'partitionAssigners'),
  ...because(
    'give the handler as a module: handler: new URL("./handler.mjs", import.meta.url)',
    'eachMessage',
    'eachBatch',
  ),
  ...because('set logger: { level: "debug" } at the top', 'logLevel'),
  ...because(`${CLOSURE}. Log lines go to the pino logger of option logger`, 'logCreator'),
  ...because(`${CLOSURE}, and sockets are made by the pool. Use ssl for TLS`, 'socketFactory'),
])

/** Names that are refused in one object only, by its path. */
const refusedAt: ReadonlyMap<string, string> = new Map([
  ...because('the wait doubles with each retry', 'kafka.retry.factor', 'kafka.retry.multiplier'),
  ...because(`${CLOSURE}. See restart, and the event pool:escalated`, 'kafka.retry.restartOnFailure'),
  ...because(
    'requests are tried again for as long as it takes, messages as retry beside handler says (attempts, initialDelayMs, maxDelayMs)',
    'consumer.retry',
  ),
  ...because(
    `${CLOSURE}. rejectUnauthorized, servername and ca say how brokers are checked`,
    'kafka.ssl.checkServerIdentity',
  ),
  ...because(`${CLOSURE}. Give ca, cert and key instead`, 'kafka.ssl.secureContext'),
  ...because('gzip is built in', 'kafka.codecs.gzip'),
])

/** @param prefix path of the object in which the name stands: `kafka`, `kafka.ssl`, … */
export const refusal = (name: string, prefix: string): string | undefined => {
  const reason = refusedAt.get(`${prefix}.${name}`) ?? refusedEverywhere.get(name)
  if (reason !== undefined) return reason
  if (name.startsWith('sasl.kerberos.')) return KERBEROS
  if (name.startsWith('sasl.oauthbearer.') || name.startsWith('sasl.login.')) return OAUTH
  return undefined
}

/** Every name with a reason of its own: for the documentation. */
export const refusedNames: ReadonlyMap<string, string> = new Map([
  ...refusedEverywhere,
  ...refusedAt,
  ['sasl.kerberos.*', KERBEROS],
  ['sasl.oauthbearer.*', OAUTH],
  ['sasl.login.*', OAUTH],
])
