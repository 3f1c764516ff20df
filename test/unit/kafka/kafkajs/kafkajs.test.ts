import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { loadVerified, verifyKafkajs } from '#src/kafka/kafkajs/kafkajs.js'
import { createLogBridge } from '#src/kafka/kafkajs/log-bridge.js'

const require = createRequire(import.meta.url)

type Plant = Readonly<Record<string, (real: never) => unknown>>

/** Loads kafkajs with some of its files replaced. */
const load = (plants: Plant = {}) =>
  loadVerified((path) => {
    const real = require(`kafkajs/${path.replace(/^\.\//, '')}`)
    return plants[path] === undefined ? real : plants[path](real as never)
  })

describe('the self-test of kafkajs', () => {
  it('passes with the kafkajs that this package depends on', () => {
    expect(() => verifyKafkajs()).not.toThrow()
    expect(load()).toBeDefined()
  })

  const request = (api: string, change: object) => ({
    './src/protocol/requests': (real: { requests: object }) => ({ requests: { ...real.requests, [api]: change } }),
  })

  it.each<{ title: string; plants: Plant; says: RegExp }>([
    {
      title: 'another version',
      plants: { './package.json': () => ({ version: '2.2.3' }) },
      says: /kafkajs 2\.2\.3 is installed/,
    },
    {
      title: 'a file that is not there',
      plants: {
        './src/protocol/requests/apiKeys': () => {
          throw new Error('Cannot find module')
        },
      },
      says: /cannot be loaded: Cannot find module/,
    },
    {
      title: 'an encoder that lacks a method',
      plants: {
        './src/protocol/encoder': () => class {},
      },
      says: /lacks Encoder#writeInt16, Encoder#writeInt32/,
    },
    {
      title: 'JoinGroup without the version that has the instance id',
      plants: request('JoinGroup', {
        versions: ['4'],
        protocol: ({ version }: { version: number }) => (version < 5 ? () => ({}) : undefined),
      }),
      says: /lacks JoinGroup v5/,
    },
    { title: 'no Fetch at all', plants: request('Fetch', {}), says: /lacks Fetch/ },
    {
      title: 'a mechanism that is no function',
      plants: { './src/broker/saslAuthenticator/scram256': () => ({}) },
      says: /lacks the mechanism SCRAM-SHA-256/,
    },
  ])('refuses $title', ({ plants, says }) => {
    expect(() => load(plants)).toThrow(says)
    expect(() => load(plants)).toThrow(/kafkajs 2\.2\.4 exactly/)
    expect(() => load(plants)).toThrow(expect.objectContaining({ code: 'KCP_KAFKAJS_MISMATCH' }))
  })
})

describe('the log of kafkajs', () => {
  type Lines = { level: string; details: Record<string, unknown>; message: string }[]

  const bridge = (options: { muted?: boolean; debug?: boolean } = {}) => {
    const lines: Lines = []
    const at = (level: string) => (details: object, message: string) =>
      void lines.push({ level, details: details as Record<string, unknown>, message })
    const log = {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      isLevelEnabled: (level: string) => level !== 'debug' || options.debug !== false,
    }
    const logger = createLogBridge(log, () => options.muted ?? false).namespace('Connection') as unknown as Record<
      'error' | 'debug',
      (message: string, details: object) => void
    >
    return { lines, logger }
  }

  it('comes at level debug, whatever kafkajs calls it', () => {
    const { lines, logger } = bridge()
    logger.error('Connection error: boom', { broker: 'b:1' })
    expect(lines).toEqual([
      {
        level: 'debug',
        message: 'Connection error: boom',
        details: { kafkajs: 'Connection', kafkajsLevel: 'ERROR', broker: 'b:1' },
      },
    ])
  })

  it('never shows what requests and answers contain', () => {
    const { lines, logger } = bridge()
    const secret = 'hunter2'
    const details = {
      password: secret,
      authBytes: secret,
      data: { secret },
      payload: Buffer.from(secret),
      stack: secret,
    }
    logger.debug('Response SaslAuthenticate(key: 36, version: 1)', { ...details, sasl: { password: secret }, size: 12 })
    expect(lines).toHaveLength(1)
    expect(JSON.stringify(lines)).not.toContain(secret)
    expect(lines[0]?.details).toMatchObject({ size: 12 })
  })

  it('is silent while the connection closes, and when nobody listens at debug', () => {
    for (const options of [{ muted: true }, { debug: false }]) {
      const { lines, logger } = bridge(options)
      logger.error('late', {})
      expect(lines).toEqual([])
    }
  })
})
