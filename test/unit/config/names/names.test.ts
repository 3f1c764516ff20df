import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { dottedNames, dottedProperty } from '#src/config/names/property-names.js'
import { refusal } from '#src/config/names/refused-names.js'
import { resolveConfig } from '#src/config/resolve.js'
import type { SlotConfig } from '#src/config/resolved.js'
import type { ConfigError } from '#src/errors.js'
import { nearestName } from '#src/util/nearest-name.js'

type Fields = Record<string, unknown>

const slotOf = (kafka: Fields, consumer: Fields = {}, more: Fields = {}): SlotConfig => {
  const [slot] = resolveConfig({
    kafka: { brokers: ['a:1'], ...kafka },
    consumer: { groupId: 'g', ...consumer },
    topics: ['t'],
    handler: 'h',
    workers: 1,
    ...more,
  }).slots
  if (slot === undefined) throw new Error('no slot')
  return slot
}

const faults = (kafka: Fields, consumer: Fields = {}, more: Fields = {}): Record<string, string> => {
  try {
    slotOf(kafka, consumer, more)
  } catch (error) {
    return Object.fromEntries((error as ConfigError).issues.map(({ path, message }) => [path, message]))
  }
  return {}
}

// ConsumerConfig of Kafka 4.3.0, as `java org.apache.kafka.clients.consumer.ConsumerConfig` prints it.
const JAVA_NAMES =
  `config.providers key.deserializer value.deserializer bootstrap.servers fetch.min.bytes group.id group.protocol heartbeat.interval.ms max.partition.fetch.bytes session.timeout.ms ssl.key.password ssl.keystore.certificate.chain ssl.keystore.key ssl.keystore.location ssl.keystore.password ssl.truststore.certificates ssl.truststore.location ssl.truststore.password allow.auto.create.topics auto.offset.reset client.dns.lookup connections.max.idle.ms default.api.timeout.ms enable.auto.commit exclude.internal.topics fetch.max.bytes group.instance.id group.remote.assignor isolation.level max.poll.interval.ms max.poll.records partition.assignment.strategy receive.buffer.bytes request.timeout.ms sasl.client.callback.handler.class sasl.jaas.config sasl.kerberos.service.name sasl.login.callback.handler.class sasl.login.class sasl.mechanism sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.iss sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.private.key.file sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.template.file sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.jwks.endpoint.url sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class sasl.oauthbearer.scope sasl.oauthbearer.token.endpoint.url security.protocol send.buffer.bytes share.acknowledgement.mode share.acquire.mode socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms ssl.enabled.protocols ssl.keystore.type ssl.protocol ssl.provider ssl.truststore.type auto.commit.interval.ms check.crcs client.id client.rack enable.metrics.push fetch.max.wait.ms interceptor.classes metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy metric.reporters metrics.num.samples metrics.recording.level metrics.sample.window.ms reconnect.backoff.max.ms reconnect.backoff.ms retry.backoff.max.ms retry.backoff.ms sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor sasl.login.refresh.window.jitter sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.clock.skew.seconds sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer sasl.oauthbearer.header.urlencode sasl.oauthbearer.jwks.endpoint.refresh.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name security.providers ssl.cipher.suites ssl.endpoint.identification.algorithm ssl.engine.factory.class ssl.keymanager.algorithm ssl.secure.random.implementation ssl.trustmanager.algorithm`.split(
    ' ',
  )

// KafkaConfig, ConsumerConfig, RetryOptions and ConsumerRunConfig of KafkaJS 2.2.4.
const KAFKAJS_NAMES: Record<string, string[]> = {
  kafka: [
    'brokers',
    'ssl',
    'sasl',
    'clientId',
    'connectionTimeout',
    'authenticationTimeout',
    'reauthenticationThreshold',
    'requestTimeout',
    'enforceRequestTimeout',
    'retry',
    'socketFactory',
    'logLevel',
    'logCreator',
  ],
  'kafka.retry': ['maxRetryTime', 'initialRetryTime', 'factor', 'multiplier', 'retries', 'restartOnFailure'],
  consumer: [
    'groupId',
    'partitionAssigners',
    'metadataMaxAge',
    'sessionTimeout',
    'rebalanceTimeout',
    'heartbeatInterval',
    'maxBytesPerPartition',
    'minBytes',
    'maxBytes',
    'maxWaitTimeInMs',
    'retry',
    'allowAutoTopicCreation',
    'maxInFlightRequests',
    'readUncommitted',
    'rackId',
    'autoCommit',
    'autoCommitInterval',
    'autoCommitThreshold',
    'partitionsConsumedConcurrently',
    'eachMessage',
    'eachBatch',
  ],
}

describe('names', () => {
  test.each(JAVA_NAMES)('%s of Java is honoured or refused with a reason', (name) => {
    if (dottedProperty(name) === undefined) {
      expect(refusal(name, 'consumer')).toBeTypeOf('string')
      expect(faults({}, { [name]: 'x' })[`consumer["${name}"]`]).toMatch(/^cannot be honoured: /)
    } else expect(refusal(name, 'consumer')).toBeUndefined()
  })

  test.each(
    Object.entries(KAFKAJS_NAMES).flatMap(([place, names]) => names.map((name) => [place, name] as const)),
  )('%s.%s of KafkaJS is not unknown', (place, name) => {
    const value = () => undefined
    const options = place === 'kafka.retry' ? { retry: { [name]: value } } : { [name]: value }
    const messages = Object.values(place === 'consumer' ? faults({}, options) : faults(options))
    expect(messages.join()).not.toMatch(/unknown name/)
    expect(messages.length).toBeGreaterThan(0)
  })

  test.each([
    [{ clientID: 'x' }, {}, 'kafka.clientID', 'clientId'],
    [{ broker: 'x' }, {}, 'kafka.broker', 'brokers'],
    [{ boostrap_servers: 'x' }, {}, 'kafka.boostrap_servers', 'bootstrap.servers'],
    [{ ssl: { cacert: 'x' } }, {}, 'kafka.ssl.cacert', 'cert'],
    [{ sasl: { pasword: 'x' } }, {}, 'kafka.sasl.pasword', 'password'],
    [{ retry: { retrys: 1 } }, {}, 'kafka.retry.retrys', 'retries'],
    [{ codecs: { snapy: 'x' } }, {}, 'kafka.codecs.snapy', 'snappy'],
    [{}, { groupID: 'x' }, 'consumer.groupID', 'groupId'],
    [{}, { sessionTimeoutMs: 1 }, 'consumer.sessionTimeoutMs', 'session.timeout.ms'],
    [{}, { 'session.timout.ms': 1 }, 'consumer["session.timout.ms"]', 'session.timeout.ms'],
    [{}, { 'group.instanceid': 1 }, 'consumer["group.instanceid"]', 'groupInstanceId'],
  ] as [
    Fields,
    Fields,
    string,
    string,
  ][])('%j %j: the nearest known one is suggested', (kafka, consumer, path, name) => {
    expect(faults(kafka, consumer)[path]).toBe(`unknown name. Did you mean "${name}"?`)
  })

  test.each([
    [{}, {}, { groupId: 'x' }, 'groupId', 'in consumer'],
    [{}, {}, { brokers: ['x'] }, 'brokers', 'in kafka'],
    [{}, {}, { 'session.timeout.ms': 1 }, '["session.timeout.ms"]', 'in consumer'],
    [{}, {}, { 'security.protocol': 1 }, '["security.protocol"]', 'in kafka'],
    [{ sessionTimeout: 1 }, {}, {}, 'kafka.sessionTimeout', 'in consumer'],
    [{}, { clientId: 'x' }, {}, 'consumer.clientId', 'in kafka'],
    [{}, { concurrency: 1 }, {}, 'consumer.concurrency', 'beside topics and handler'],
    [{}, { drainTimeoutMs: 1 }, {}, 'consumer.drainTimeoutMs', 'at the top'],
    [{}, { topics: ['x'] }, {}, 'consumer.topics', 'in a subscription'],
  ] as [
    Fields,
    Fields,
    Fields,
    string,
    string,
  ][])('%j %j %j: one in the wrong place is told where it belongs', (kafka, consumer, top, path, place) => {
    expect(faults(kafka, consumer, top)[path]).toContain(`does not belong here but ${place}`)
  })

  test.each([
    // Spring, Spring Boot
    [{}, { 'max-poll-records': 1 }, {}, 'consumer["max-poll-records"]', 'cannot be honoured: messages are handed over'],
    [
      {},
      {},
      { 'spring.kafka.consumer.max-poll-records': 1 },
      '["spring.kafka.consumer.max-poll-records"]',
      'one by one',
    ],
    [{}, {}, { ackMode: 'MANUAL' }, 'ackMode', 'unknown name: the pool itself commits'],
    [
      {},
      {},
      { 'spring.kafka.listener.concurrency': 3 },
      '["spring.kafka.listener.concurrency"]',
      'that is workers here',
    ],
    [{}, { 'auto-offset-reset': 'earliest' }, {}, 'consumer["auto-offset-reset"]', 'Did you mean "auto.offset.reset"?'],
    [{}, {}, { 'auto-offset-reset': 'earliest' }, '["auto-offset-reset"]', 'in consumer, as "auto.offset.reset"'],
    [{ 'bootstrap-servers': 'a:1' }, {}, {}, 'kafka["bootstrap-servers"]', 'Did you mean "bootstrap.servers"?'],
    // Karafka
    [{}, { max_messages: 1 }, {}, 'consumer.max_messages', 'unknown name: messages are handed over one by one'],
    [{}, { max_wait_time: 1 }, {}, 'consumer.max_wait_time', 'that is maxWaitTimeInMs'],
    [{}, {}, { shutdown_timeout: 1 }, 'shutdown_timeout', 'that is drainTimeoutMs here'],
    [{}, {}, { long_running_job: true }, 'long_running_job', 'it is not needed'],
    [{ retry: { attempts: 3 } }, {}, {}, 'kafka.retry.attempts', 'does not belong here but in retry, beside topics'],
    [{}, {}, { setup: () => {} }, 'setup', 'unknown name: it is no option: export it from the module of the handler'],
    [{}, {}, { 'dead_letter_queue.topic': 'd' }, '["dead_letter_queue.topic"]', 'that is deadLetter here'],
    // Parts of other options
    [{}, {}, { maxRestarts: 3 }, 'maxRestarts', 'unknown name: that is restart.maxRestarts here'],
    [{}, {}, { restart: { stackSizeMb: 3 } }, 'restart.stackSizeMb', 'that is resourceLimits.stackSizeMb here'],
    [{ username: 'u' }, {}, {}, 'kafka.username', 'that is kafka.sasl.username here'],
    [{}, {}, { maxDelayMs: 3 }, 'maxDelayMs', 'that is retry.maxDelayMs or restart.maxDelayMs here'],
    // librdkafka
    [{ 'socket.timeout.ms': 1 }, {}, {}, 'kafka["socket.timeout.ms"]', 'that is requestTimeout'],
    // A name of Kafka's stays one that is refused with its own reason.
    [
      {},
      { 'enable.auto.commit': true },
      {},
      'consumer["enable.auto.commit"]',
      'cannot be honoured: the pool itself commits',
    ],
  ] as [
    Fields,
    Fields,
    Fields,
    string,
    string,
  ][])('%j %j %j: others’ names hear what it is here', (kafka, consumer, top, path, sentence) => {
    expect(faults(kafka, consumer, top)[path]).toContain(sentence)
  })

  test('that JavaScript objects inherit are as unknown as others', () => {
    const hostile = JSON.parse('{"__proto__": 1, "constructor": 1, "toString": 1}')
    expect(Object.keys(faults(hostile))).toEqual(['kafka.__proto__', 'kafka.constructor', 'kafka.toString'])
    expect(Object.keys(faults({}, { retry: undefined }, hostile))).toEqual(['__proto__', 'constructor', 'toString'])
  })

  test('that are far from all others get no suggestion', () => {
    expect(nearestName('zzzzzz', dottedNames)).toBeUndefined()
    expect(nearestName('x'.repeat(10_000), dottedNames)).toBeUndefined()
    expect(nearestName('', dottedNames)).toBeUndefined()
  })

  test('with two letters in the wrong order are near', () => {
    expect(nearestName('brokres', ['broken', 'brokers'])).toBe('brokers')
  })
})

describe('Kafka properties', () => {
  test('may come as text', () => {
    const { kafka, consumer, ...processing } = slotOf(
      { brokers: undefined, 'bootstrap.servers': 'a:1, b:2', 'request.timeout.ms': '20000' },
      {
        'isolation.level': 'read_uncommitted',
        'fetch.min.bytes': ' 5 ',
        'max.poll.interval.ms': '1000',
        'auto.offset.reset': 'EARLIEST',
      },
    )
    expect(kafka).toMatchObject({ brokers: ['a:1', 'b:2'], requestTimeout: 20_000 })
    expect(consumer).toMatchObject({ readUncommitted: true, minBytes: 5 })
    expect(processing).toMatchObject({ maxProcessingMs: 1_000, fromBeginning: true })
  })

  test.each([
    'many',
    '',
    '1e3',
    '0x10',
    '1.5',
    '-1',
    '99999999999',
    true,
    {},
    [1],
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ])('of a time are refused when they are %j', (value) => {
    const name = 'session.timeout.ms'
    expect(faults({}, { [name]: value })[`consumer["${name}"]`]).toMatch(
      /expected a whole number of milliseconds from 1/,
    )
  })

  test.each([
    ['range', ['range']],
    ['org.apache.kafka.clients.consumer.CooperativeStickyAssignor', ['cooperative-sticky']],
    [
      'org.apache.kafka.clients.consumer.RangeAssignor, org.apache.kafka.clients.consumer.RoundRobinAssignor',
      ['range', 'roundrobin'],
    ],
    [
      ['RoundRobinAssigner', 'range'],
      ['RoundRobinAssigner', 'range'],
    ],
  ])('choose assignors by name or Java class: %j', (strategy, assignors) => {
    expect(slotOf({}, { 'partition.assignment.strategy': strategy }).assignors).toEqual(assignors)
  })

  test.each([
    ['partition.assignment.strategy', 'org.apache.kafka.clients.consumer.StickyAssignor'],
    ['partition.assignment.strategy', 7],
    ['auto.offset.reset', 'none'],
    ['auto.offset.reset', 'by_duration:P1D'],
    ['isolation.level', 'serializable'],
    ['security.protocol', 'TLS'],
    ['ssl.enabled.protocols', 'SSLv3'],
    ['ssl.ca.location', '/does/not/exist.pem'],
    ['ssl.truststore.type', 'JKS'],
    ['allow.auto.create.topics', true],
    ['group.protocol', 'consumer'],
    ['bootstrap.servers', ''],
    ['bootstrap.servers', 'a'],
    ['bootstrap.servers', 'a:0'],
    ['bootstrap.servers', 'a:65536'],
    ['bootstrap.servers', 'kafka://a:1'],
    ['client.id', 'orders api'],
    ['client.id', ''],
    ['client.id', 'x'.repeat(215)],
  ])('%s cannot be %j', (name, value) => {
    expect(Object.keys(faults({ brokers: undefined }, { [name]: value }))).toContain(`consumer["${name}"]`)
  })

  test('that ask for what is done anyway are accepted', () => {
    const properties = {
      'allow.auto.create.topics': 'false',
      'check.crcs': true,
      'group.protocol': 'CLASSIC',
      'ssl.keystore.type': 'PEM',
    }
    expect(faults({}, properties)).toEqual({})
  })
})

describe('TLS and SASL', () => {
  const directory = mkdtempSync(join(tmpdir(), 'config-names-'))
  afterAll(() => rmSync(directory, { recursive: true }))
  const pem = join(directory, 'all.pem')
  const jks = join(directory, 'keys.jks')
  writeFileSync(jks, Buffer.from([0xfe, 0xed, 0xfe, 0xed]))
  const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nx\n'
  const PEM = `${CERTIFICATE}-----BEGIN PRIVATE KEY-----\ny\n`
  writeFileSync(pem, PEM)
  const plain = { mechanism: 'plain', username: 'u', password: 'p' }

  test.each([
    [{}, null, null],
    [{ ssl: true }, true, null],
    [{ ssl: 'true' }, true, null],
    [{ ssl: false }, false, null],
    [{ sasl: plain }, null, plain],
    [{ sasl: { ...plain, mechanism: 'PLAIN' }, ssl: true }, true, plain],
    [{ 'security.protocol': 'PLAINTEXT' }, false, null],
    [{ 'security.protocol': 'ssl' }, true, null],
    [
      { 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'PLAIN', 'sasl.username': 'u', 'sasl.password': 'p' },
      true,
      plain,
    ],
    [{ 'security.protocol': 'SASL_PLAINTEXT', sasl: plain }, false, plain],
    [{ ssl: { ca: PEM }, 'security.protocol': 'SSL' }, { ca: PEM }, null],
    [{ ssl: { ca: Buffer.from(`## Roots\n${PEM}`) } }, { ca: `## Roots\n${PEM}` }, null],
    [{ 'security.protocol': 'SSL', 'ssl.ca.location': pem }, { ca: PEM }, null],
    [
      { 'security.protocol': 'SSL', 'ssl.keystore.location': pem, 'ssl.key.password': 'p' },
      { cert: PEM, key: PEM, passphrase: 'p' },
      null,
    ],
    [
      { 'security.protocol': 'SSL', 'ssl.enabled.protocols': 'TLSv1.3,TLSv1.2' },
      { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' },
      null,
    ],
    [{ ssl: true, 'enable.ssl.certificate.verification': 'false' }, { rejectUnauthorized: false }, null],
    [
      { sasl: { mechanism: 'aws', authorizationIdentity: 'i', accessKeyId: 'a', secretAccessKey: 's' } },
      null,
      { mechanism: 'aws', authorizationIdentity: 'i', accessKeyId: 'a', secretAccessKey: 's' },
    ],
  ] as [Fields, unknown, unknown][])('%j', (kafka, ssl, sasl) => {
    const { kafka: resolved } = slotOf(kafka)
    expect(resolved.ssl).toEqual(ssl)
    expect(resolved.sasl).toEqual(sasl)
  })

  test.each([
    ['org.apache.kafka.common.security.plain.PlainLoginModule required username="u" password="p";', 'u', 'p'],
    [
      'org.apache.kafka.common.security.scram.ScramLoginModule required\n  username="a b"\n  password="q\\"u;o=te";',
      'a b',
      'q"u;o=te',
    ],
    ["x.ScramLoginModule optional password='p' username=u", 'u', 'p'],
  ])('user and password are read from a JAAS entry: %s', (jaas, username, password) => {
    const kafka = { 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'SCRAM-SHA-512', 'sasl.jaas.config': jaas }
    expect(slotOf(kafka).kafka.sasl).toEqual({ mechanism: 'scram-sha-512', username, password })
  })

  test.each([
    ['options of TLS that nothing turns on', { 'ssl.ca.pem': PEM }, 'kafka["ssl.ca.pem"]', /nothing turns TLS on/],
    ['options of TLS that is off', { ssl: false, 'ssl.ca.pem': PEM }, 'kafka["ssl.ca.pem"]', /kafka.ssl turns TLS off/],
    [
      'options of SASL that nothing turns on',
      { 'sasl.username': 'u' },
      'kafka["sasl.username"]',
      /nothing turns SASL on/,
    ],
    [
      'options of SASL that is off',
      { 'security.protocol': 'SSL', 'sasl.username': 'u' },
      'kafka["sasl.username"]',
      /turns SASL off/,
    ],
    [
      'ssl against security.protocol',
      { ssl: true, 'security.protocol': 'PLAINTEXT' },
      'kafka["security.protocol"]',
      /for the same option/,
    ],
    ['no mechanism', { 'security.protocol': 'SASL_SSL' }, 'kafka["security.protocol"]', /no mechanism/],
    ['no password', { sasl: { mechanism: 'plain', username: 'u' } }, 'kafka.sasl.mechanism', /needs password/],
    [
      'a password for a mechanism without',
      { sasl: { mechanism: 'oauthbearer', oauthBearerProvider: 'x', password: 'p' } },
      'kafka.sasl.password',
      /has no use for password/,
    ],
    [
      'an unknown mechanism',
      { sasl: { mechanism: 'GSSAPI' } },
      'kafka.sasl.mechanism',
      /needs authenticationProvider \(built in are plain, /,
    ],
    [
      'a login module that is not Kafka’s',
      { 'sasl.jaas.config': 'com.sun.Krb5LoginModule required;' },
      'kafka["sasl.jaas.config"]',
      /Krb5LoginModule cannot be honoured/,
    ],
    ['a Java key store', { 'ssl.truststore.location': jks }, 'kafka["ssl.truststore.location"]', /is not a PEM file/],
    [
      'text instead of an object',
      { sasl: 'user:pass' },
      'kafka.sasl',
      /expected an object, true or false, got a string/,
    ],
    ['null', { ssl: null }, 'kafka.ssl', /null/],
    [
      'what is no PEM',
      { ssl: { ca: 'not pem' } },
      'kafka.ssl.ca',
      /^expected PEM text with a CERTIFICATE.*got 'not pem'/,
    ],
    ['a path', { ssl: { ca: '/etc/ca.pem' } }, 'kafka.ssl.ca', /path of a file goes under "ssl\.ca\.location"/],
    ['one of several', { ssl: { ca: [PEM, 'x'] } }, 'kafka.ssl.ca', /^expected PEM text/],
    ['a Buffer of something else', { ssl: { cert: Buffer.from('x') } }, 'kafka.ssl.cert', /^expected PEM text/],
    ['a certificate as a key', { ssl: { key: CERTIFICATE } }, 'kafka.ssl.key', /with a PRIVATE KEY.*got \[hidden\]/],
  ] as [string, Fields, string, RegExp][])('refused: %s', (_, kafka, path, message) => {
    expect(faults(kafka)[path]).toMatch(message)
  })

  test('another mechanism further in lets the credentials of the outer one go', () => {
    const perSlot = () => ({ kafka: { sasl: { mechanism: 'oauthbearer', oauthBearerProvider: '@acme/token' } } })
    expect(slotOf({ sasl: plain }, {}, { perSlot }).kafka.sasl).toEqual({
      mechanism: 'oauthbearer',
      oauthBearerProvider: '@acme/token',
    })
  })

  test('a provider of one’s own serves any mechanism, built in or not', () => {
    const own = { authenticationProvider: './auth.js' }
    const resolved = { authenticationProvider: pathToFileURL('auth.js').href }
    for (const mechanism of ['aws_msk_iam', 'oauthbearer']) {
      expect(slotOf({ sasl: { mechanism, ...own } }).kafka.sasl).toEqual({ mechanism, ...resolved })
    }
    const perSlot = () => ({ kafka: { sasl: plain } })
    expect(slotOf({ sasl: { mechanism: 'aws_msk_iam', ...own } }, {}, { perSlot }).kafka.sasl).toEqual(plain)
  })

  test('turning it off further in lets the outer options go', () => {
    const perSlot = () => ({ kafka: { 'security.protocol': 'PLAINTEXT' } })
    expect(slotOf({ sasl: plain, ssl: { ca: PEM } }, {}, { perSlot }).kafka).toMatchObject({ ssl: false, sasl: null })
    expect(slotOf({ sasl: plain }, {}, { perSlot: () => ({ kafka: { sasl: false } }) }).kafka.sasl).toBeNull()
  })

  test('a layer may give the password alone', () => {
    const perSlot = () => ({ kafka: { 'sasl.password': 'q' } })
    expect(slotOf({ sasl: plain }, {}, { perSlot }).kafka.sasl).toEqual({ ...plain, password: 'q' })
  })

  test.each([
    [{ sasl: { mechanism: 'plain', username: 'u', password: 12345678 } }],
    [{ sasl: { mechanism: 'plain', username: 'u', password: ['12345678'] } }],
    [{ ssl: { passphrase: 12345678, key: 12345678 } }],
    [{ 'ssl.key.password': 12345678 }],
    [{ 'sasl.jaas.config': 'nonsense password="12345678"' }],
    [{ sasl: plain, 'sasl.password': '12345678' }],
    [{ brokers: ['user:12345678@a:1'] }],
    [{ 'bootstrap.servers': 'kafka://user:12345678@a:1' }],
    [{ sasl: '12345678' }],
    [{ sasl: { pasword: '12345678' } }],
  ] as [Fields][])('no secret stands in an error: %j', (kafka) => {
    const messages = Object.values(faults(kafka))
    expect(messages.length).toBeGreaterThan(0)
    expect(messages.join()).not.toContain('12345678')
  })
})

describe('what cannot be sent to a thread', () => {
  test.each([
    [
      { sasl: { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: '' }) } },
      'kafka.sasl.oauthBearerProvider',
      /put it in a module.*oauthBearerProvider: "\.\/my-module\.js"/,
    ],
    [{ codecs: { snappy: () => undefined } }, 'kafka.codecs.snappy', /put it in a module/],
    [{ brokers: async () => ['a:1'] }, 'kafka.brokers', /the list of addresses itself/],
    [
      { sasl: { mechanism: 'x', authenticationProvider: () => undefined } },
      'kafka.sasl.authenticationProvider',
      /a function cannot be sent/,
    ],
    [{ ssl: { checkServerIdentity: () => undefined } }, 'kafka.ssl.checkServerIdentity', /a function cannot be sent/],
    [{ socketFactory: () => undefined }, 'kafka.socketFactory', /a function cannot be sent/],
    [{ logCreator: () => undefined }, 'kafka.logCreator', /a function cannot be sent/],
    [{ retry: { restartOnFailure: () => undefined } }, 'kafka.retry.restartOnFailure', /a function cannot be sent/],
  ] as [Fields, string, RegExp][])('is refused with what to do instead: %j', (kafka, path, message) => {
    expect(faults(kafka)[path]).toMatch(message)
  })

  test.each([
    ['kafkajs-snappy', 'kafkajs-snappy'],
    ['@acme/snappy/fast', '@acme/snappy/fast'],
    ['./snappy.js', pathToFileURL('snappy.js').href],
    ['/opt/snappy.js', 'file:///opt/snappy.js'],
    ['file:///opt/snappy.js', 'file:///opt/snappy.js'],
    [new URL('file:///opt/snappy.js'), 'file:///opt/snappy.js'],
  ])('is named by a module: %s', (snappy, expected) => {
    expect(slotOf({ codecs: { snappy } }).kafka.codecs).toEqual({ snappy: expected })
  })
})
