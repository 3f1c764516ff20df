import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { formatAddress, parseAddress } from '#src/kafka/brokers/address.js'
import { pickVersion, refuseForeignBroker, speaksStaticMembership } from '#src/kafka/brokers/api-versions.js'
import { hintFor } from '#src/kafka/brokers/broken-connection.js'
import { reachCluster } from '#src/kafka/brokers/reach-cluster.js'
import { toKafkaError } from '#src/kafka/errors.js'
import { KafkaError } from '#src/kafka/face.js'
import { leadersOf } from '#src/kafka/partition-leaders.js'
import { crc32c } from '#src/kafka/records/crc32c.js'
import { readInt64 } from '#src/kafka/records/int64.js'
import { byTopic, flatten } from '#src/kafka/requests/by-topic.js'
import { kafkajsFile } from '../../support/kafka/record-encoder.js'

describe('a broker’s address', () => {
  it.each([
    ['kafka:9093', { host: 'kafka', port: 9093 }],
    ['kafka', { host: 'kafka', port: 9092 }],
    [' 10.0.0.1:19092 ', { host: '10.0.0.1', port: 19092 }],
    ['[::1]:9092', { host: '::1', port: 9092 }],
    ['SASL_SSL://kafka:9093', { host: 'kafka', port: 9093 }],
  ])('%j is read', (text, address) => {
    expect(parseAddress(text)).toEqual(address)
    expect(parseAddress(formatAddress(address))).toEqual(address)
  })
})

describe('an int64', () => {
  it('is read exactly up to 2^53, and refused beyond', () => {
    const bytes = Buffer.alloc(8)
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
        bytes.writeBigInt64BE(value)
        if (Number.isSafeInteger(Number(value))) expect(readInt64(bytes, 0)).toBe(Number(value))
        else expect(() => readInt64(bytes, 0)).toThrow(String(value))
      }),
    )
  })
})

describe('CRC-32C', () => {
  it('is that of kafkajs for any bytes', () => {
    const theirs = kafkajsFile('protocol/recordBatch/crc32C')
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(crc32c(bytes)).toBe(theirs(Buffer.from(bytes)) >>> 0)
      }),
    )
  })
})

describe('the version of a request', () => {
  const ranges = { 11: { minVersion: 2, maxVersion: 5 }, 12: { minVersion: 4, maxVersion: 4 } }

  it('is the highest that both sides speak', () => {
    expect(pickVersion(ranges, 'JoinGroup', [0, 1, 2, 3, 9])).toBe(3)
    expect(pickVersion(ranges, 'JoinGroup', [5])).toBe(5)
  })

  it('is an error when there is none, also when the broker’s lowest is too high', () => {
    expect(() => pickVersion(ranges, 'Heartbeat', [0, 1, 2, 3])).toThrow('the broker speaks versions 4 to 4')
    expect(() => pickVersion(ranges, 'SyncGroup', [3])).toThrow('does not know it')
    expect(() => pickVersion(ranges, 'JoinGroup', [6])).toThrow(KafkaError)
  })

  it('decides whether static members can be fenced in every request', () => {
    const modern = Object.fromEntries([11, 12, 13, 14, 8].map((key) => [key, { minVersion: 0, maxVersion: 7 }]))
    expect(speaksStaticMembership(modern)).toBe(true)
    expect(speaksStaticMembership({ ...modern, 8: { minVersion: 0, maxVersion: 6 } })).toBe(false)
  })
})

describe('a broker', () => {
  const modern = Object.fromEntries(
    [1, 2, 3, 8, 9, 10, 11, 12, 13, 14].map((key) => [key, { minVersion: 0, maxVersion: 99 }]),
  )

  it('that speaks what a pool needs is taken', () => {
    expect(() => refuseForeignBroker(modern, 'b:1')).not.toThrow()
  })

  it.each([
    [1, 'Fetch', { minVersion: 12, maxVersion: 20 }, 'KCP_BROKER_TOO_NEW', 'speaks versions 12 to 20'],
    [14, 'SyncGroup', { minVersion: 4, maxVersion: 6 }, 'KCP_BROKER_TOO_NEW', 'this client 0, 1, 2, 3'],
    [1, 'Fetch', { minVersion: 0, maxVersion: 3 }, 'KCP_BROKER_TOO_OLD', 'speaks versions 0 to 3'],
    [9, 'OffsetFetch', undefined, 'KCP_BROKER_TOO_OLD', 'does not know it'],
  ])('is refused at once when request %i (%s) cannot be sent in %j: %s', (key, api, range, code, why) => {
    const { [key]: _, ...others } = modern
    const ranges = range === undefined ? others : { ...modern, [key]: range }
    expect(() => refuseForeignBroker(ranges, 'b:1')).toThrow(expect.objectContaining({ code }))
    expect(() => refuseForeignBroker(ranges, 'b:1')).toThrow(
      `${api} cannot be sent to the broker at b:1: the broker ${range === undefined ? why : ''}`,
    )
    expect(() => refuseForeignBroker(ranges, 'b:1')).toThrow(why)
  })
})

describe('what is said of a connection that breaks', () => {
  const failed = (code: string) => Object.assign(new Error('raw'), { code })
  const certified = { cert: 'c', key: 'k' }

  it.each([
    ['greeting', true, 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /Set ssl\.cert and ssl\.key/],
    ['connecting', { ca: 'x' }, 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', /Set ssl\.cert and ssl\.key/],
    ['connecting', true, 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', /Set ssl\.cert and ssl\.key/],
    ['greeting', true, 'ECONNRESET', /is it a Kafka broker\?.*Set ssl\.cert and ssl\.key/],
    ['greeting', certified, 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', /check ssl\.cert/],
    ['greeting', certified, 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', /check ssl\.cert/],
    ['connecting', true, 'SELF_SIGNED_CERT_IN_CHAIN', /set ssl\.ca/],
    ['connecting', certified, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', /set ssl\.ca/],
    ['connecting', true, 'DEPTH_ZERO_SELF_SIGNED_CERT', /set ssl\.ca/],
    ['connecting', true, 'ERR_TLS_CERT_ALTNAME_INVALID', /ssl\.servername/],
    ['connecting', true, 'ERR_SSL_WRONG_VERSION_NUMBER', /does the listener speak TLS\?/],
    ['greeting', null, 'ECONNRESET', /one that wants no TLS/],
  ] as const)('while %s with %j: %s names what to set', (phase, ssl, code, says) => {
    expect(hintFor(phase, ssl, failed(code))).toMatch(says)
  })

  it('is nothing more when the error says enough', () => {
    expect(hintFor('connecting', null, failed('ECONNREFUSED'))).toBe('')
    expect(hintFor('open', certified, failed('ECONNRESET'))).toBe('')
    expect(hintFor('open', null, undefined)).toBe('')
  })
})

describe('partitions by topic', () => {
  it('and back are the same ones', () => {
    const partition = fc.record({ topic: fc.constantFrom<string>('a', 'b', 'c'), partition: fc.nat(20) })
    fc.assert(
      fc.property(fc.array(partition), (partitions) => {
        const grouped = byTopic(partitions, ({ partition: number }) => ({ partition: number }))
        expect(new Set(grouped.map(({ topic }) => topic)).size).toBe(grouped.length)
        const sorted = (list: typeof partitions) => list.map((item) => `${item.topic} ${item.partition}`).sort()
        expect(sorted(flatten(grouped))).toEqual(sorted(partitions))
      }),
    )
  })
})

describe('leaders', () => {
  const topics = [
    {
      topic: 'a',
      error: null,
      partitions: [
        { partition: 0, leader: 1 },
        { partition: 1, leader: 2 },
        { partition: 2, leader: -1 },
      ],
    },
    { topic: 'b', error: 'TOPIC_AUTHORIZATION_FAILED', partitions: [] },
  ]
  const at = (topic: string, partition: number) => ({ topic, partition })

  it('get their partitions', () => {
    expect(leadersOf([at('a', 1), at('a', 0)], topics)).toEqual(
      new Map([
        [2, [at('a', 1)]],
        [1, [at('a', 0)]],
      ]),
    )
  })

  it.each([
    [at('a', 2), 'LEADER_NOT_AVAILABLE', 5],
    [at('a', 9), 'UNKNOWN_TOPIC_OR_PARTITION', 3],
    [at('b', 0), 'TOPIC_AUTHORIZATION_FAILED', 29],
    [at('c', 0), 'UNKNOWN_TOPIC_OR_PARTITION', 3],
  ])('of %j are missing: %s', (partition, type, code) => {
    expect(() => leadersOf([partition], topics)).toThrow(expect.objectContaining({ type, code }))
  })
})

describe('what kafkajs throws', () => {
  const errors = kafkajsFile('errors')
  const { createErrorFromCode } = kafkajsFile('protocol/error')

  it('becomes a KafkaError with the broker’s code, also from within a wrapper', () => {
    const inner = createErrorFromCode(27)
    const wrapped = new errors.KafkaJSNumberOfRetriesExceeded(inner, { retryCount: 1, retryTime: 1 })
    for (const error of [inner, wrapped, new errors.KafkaJSNonRetriableError(inner, { cause: inner })]) {
      expect(toKafkaError(error, 'x')).toMatchObject({ type: 'REBALANCE_IN_PROGRESS', code: 27 })
    }
  })

  it('keeps the number of a code that kafkajs does not know', () => {
    expect(toKafkaError(createErrorFromCode(110), 'x')).toMatchObject({
      type: 'ERROR_CODE_110',
      code: 110,
      retriable: false,
    })
  })

  it('is a connection error when there was no answer', () => {
    const error = toKafkaError(new errors.KafkaJSConnectionError('refused', { code: 'ECONNREFUSED' }), 'x')
    expect(error).toMatchObject({ type: 'CONNECTION', code: -1, retriable: true, unanswered: true })
  })

  it('is no answer of a broker when somebody else has errors with a type and a code', () => {
    const error = Object.assign(new Error('no token today'), { type: 'system', code: 401 })
    expect(toKafkaError(error, 'x')).toMatchObject({
      type: 'CONNECTION',
      unanswered: true,
      message: 'x failed: no token today',
    })
  })

  it('is a refusal when authentication failed', () => {
    const error = toKafkaError(new errors.KafkaJSSASLAuthenticationError('SASL PLAIN authentication failed: no'), 'x')
    expect(error).toMatchObject({ type: 'SASL_AUTHENTICATION_FAILED', code: 58, retriable: false, unanswered: false })
  })
})

describe('reaching the cluster', () => {
  const times = { retries: 2, initialRetryMs: 5, maxRetryMs: 10 }
  const addresses = ['a:1', 'b:2', 'c:3'].map(parseAddress)
  const down = () => Promise.reject(new KafkaError('CONNECTION', -1, true, 'down'))
  const { signal } = new AbortController()
  const onRetry = () => {}

  it('tries every address again as often as `retries` says, with growing pauses, and no more', async () => {
    const attempt = vi.fn((_: { host: string }) => down())
    const onRetry = vi.fn()
    const unreachable = /trying 3 times \(retry\.retries is 2\): a:1 — down; b:2 — down; c:3 — down/
    await expect(reachCluster(addresses, { times, attempt, onRetry, signal })).rejects.toThrow(unreachable)
    expect(attempt.mock.calls.map(([{ host }]) => host).join('')).toBe('abcabcabc')
    expect(onRetry.mock.calls.map(([, pauseMs]) => pauseMs)).toEqual([5, 10])
  })

  it('goes over every address once when there are no retries', async () => {
    const attempt = vi.fn(down)
    await expect(
      reachCluster(addresses, { times: { ...times, retries: 0 }, attempt, onRetry, signal }),
    ).rejects.toThrow('no broker could be reached, trying once: ')
    expect(attempt).toHaveBeenCalledTimes(3)
  })

  it('stops at the first refusal', async () => {
    const attempt = vi.fn(() => Promise.reject(new KafkaError('CLUSTER_AUTHORIZATION_FAILED', 31, false, 'no')))
    const reaching = reachCluster(addresses, { times, attempt, onRetry, signal })
    await expect(reaching).rejects.toMatchObject({ code: 'KCP_BROKER_REFUSED' })
    expect(attempt).toHaveBeenCalledTimes(1)
  })
})
