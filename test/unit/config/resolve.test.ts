import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resolveConfig } from '#src/config/resolve.js'
import type { ResolvedConfig } from '#src/config/resolved.js'
import { PoolError } from '#src/errors.js'
import { ConfigError, type ConfigIssue, ConsumerPool } from '#src/index.js'

type Fields = Record<string, unknown>

const base = { kafka: { brokers: ['a:1'] }, consumer: { groupId: 'g' }, topics: ['t'], handler: './h.js', workers: 2 }

const issuesOf = (options: unknown): readonly ConfigIssue[] => {
  try {
    resolveConfig(options)
  } catch (error) {
    expect(error).toBeInstanceOf(PoolError)
    expect((error as ConfigError).code).toBe('KCP_CONFIG_INVALID')
    return (error as ConfigError).issues
  }
  return []
}

const paths = (options: unknown): string[] => issuesOf(options).map(({ path }) => path)

const instanceIds = (config: ResolvedConfig) => config.slots.map(({ consumer }) => consumer.groupInstanceId)

describe('defaults', () => {
  test('are those of the documentation', () => {
    const { pool, slots } = resolveConfig({ ...base, workers: undefined }, { parallelism: 1, memoryBytes: 2 ** 30 })
    expect(pool).toEqual({
      commitIntervalMs: 1_000,
      drainTimeoutMs: 25_000,
      threadImports: [],
      loadTimeoutMs: 60_000,
      terminateTimeoutMs: 10_000,
      isolation: 'thread',
      recovery: 'handover',
      leaveOnStop: 'dynamic',
      admin: null,
      restart: {
        delayMs: 1_000,
        maxDelayMs: 60_000,
        healthyAfterMs: 120_000,
        maxRestarts: 8,
        maxPoolRestarts: 10,
        windowMs: 300_000,
        probeMs: 60_000,
      },
      scaling: { catchUpMs: 30_000, quietMs: 120_000 },
      maxRssMb: 921,
      resourceLimits: { maxOldGenerationSizeMb: 768 },
    })
    expect(slots).toEqual([
      {
        slot: 0,
        tracing: false,
        subscription: 0,
        topics: ['t'],
        patterns: [],
        fixed: null,
        handler: pathToFileURL('h.js').href,
        fromBeginning: false,
        assignors: ['cooperative-sticky'],
        concurrency: 1,
        convictAfter: 3,
        retry: { attempts: 10, initialDelayMs: 200, maxDelayMs: 60_000, initialPauseMs: 30_000, maxPauseMs: 600_000 },
        recycle: {},
        onExhausted: 'pause',
        deadLetter: null,
        maxProcessingMs: 300_000,
        kafka: {
          brokers: ['a:1'],
          clientId: 'kafka-consumer-pool',
          ssl: null,
          sasl: null,
          connectionTimeout: 10_000,
          authenticationTimeout: 10_000,
          reauthenticationThreshold: 10_000,
          requestTimeout: 30_000,
          retry: { retries: 5, initialRetryTime: 300, maxRetryTime: 30_000 },
          codecs: {},
        },
        consumer: {
          groupId: 'g',
          groupInstanceId: null,
          sessionTimeout: 45_000,
          heartbeatInterval: 3_000,
          rebalanceTimeout: 60_000,
          maxBytes: 10_485_760,
          maxBytesPerPartition: 1_048_576,
          maxDecompressedBytes: 67_108_864,
          minBytes: 1,
          maxWaitTimeInMs: 500,
          metadataMaxAge: 300_000,
          readUncommitted: false,
          rackId: null,
        },
      },
    ])
  })

  test.each([
    [1, 2 ** 40, 2_048],
    [8, 2 ** 33, 768],
    [64, 2 ** 30, 128],
  ])('share the memory: %i slots, %i bytes, %i MB each', (workers, memoryBytes, expected) => {
    const { pool } = resolveConfig({ ...base, workers }, { memoryBytes })
    expect(pool.resourceLimits.maxOldGenerationSizeMb).toBe(expected)
  })

  test('of the size of batches fit the heap that --max-old-space-size gives each thread, whatever resourceLimits say', () => {
    const machine = { memoryBytes: 2 ** 32, heapFlags: ['--max-old-space-size=100'] }
    const [slot] = resolveConfig(base, machine).slots
    expect(slot?.consumer.maxDecompressedBytes).toBe(25 * 2 ** 20)
    const consumer = { groupId: 'g', maxDecompressedBytes: 40_000_000 }
    expect(() => resolveConfig({ ...base, consumer }, machine)).toThrow(
      /a quarter of --max-old-space-size \(100 MB\), .* or raise --max-old-space-size to 153$/m,
    )
  })

  test('of the restarts grow with the pool', () => {
    const allowed = (options: object) => resolveConfig({ ...base, ...options }).pool.restart.maxPoolRestarts
    expect(allowed({ workers: 5 })).toBe(40)
    expect(allowed({ workers: 5, restart: { maxRestarts: 4 } })).toBe(20)
    expect(allowed({ workers: 1 })).toBe(10)
  })

  test('of one limit stay when another is set, and give way to the same', () => {
    const limits = (resourceLimits: Fields) => resolveConfig({ ...base, resourceLimits }).pool.resourceLimits
    expect(limits({ stackSizeMb: 8 })).toEqual({ stackSizeMb: 8, maxOldGenerationSizeMb: expect.any(Number) })
    expect(limits({ maxOldGenerationSizeMb: 32 })).toEqual({ maxOldGenerationSizeMb: 32 })
  })
})

describe('a fault', () => {
  const faultsOf = (options: unknown): readonly ConfigIssue[] => {
    try {
      resolveConfig(options)
    } catch (error) {
      if (error instanceof ConfigError) return error.issues
    }
    throw new Error('no ConfigError')
  }

  test('is data and typed, for users, too', () => {
    const [issue] = faultsOf({ ...base, workers: 0 })
    expect(issue).toEqual({ path: 'workers', message: expect.stringContaining('expected a whole number from 1') })
    expect(Object.isFrozen(issue)).toBe(true)
    expect(() => new ConsumerPool({ ...base, workers: 0 })).toThrow(ConfigError)
  })

  test.each([
    [{}, ['subscriptions', 'kafka.brokers', 'consumer.groupId']],
    [{ subscriptions: [] }, ['subscriptions', 'kafka.brokers', 'consumer.groupId']],
    [{ topics: ['t'] }, ['handler', 'kafka.brokers', 'consumer.groupId']],
    [{ ...base, logger: { level: 'loud' } }, ['logger.level']],
    [{ ...base, logger: console }, ['logger']],
  ])('is named with all others: %j', (options, paths) => {
    expect(
      faultsOf(options)
        .map(({ path }) => path)
        .sort(),
    ).toEqual([...paths].sort())
  })
})

describe('the result', () => {
  const bytes = Buffer.from([1, 2, 3])
  const options = {
    ...base,
    topics: undefined,
    handler: undefined,
    kafka: {
      brokers: ['a:1'],
      ssl: { ca: Buffer.from('-----BEGIN CERTIFICATE-----\n'), pfx: bytes },
      sasl: { mechanism: 'plain', username: 'u', password: 'p' },
    },
    subscriptions: [{ topics: ['t'], handler: new URL('file:///h.js'), retry: { attempts: 2 } }],
  }

  test('is plain data: a structured clone of it is equal', () => {
    const config = resolveConfig(options)
    expect(structuredClone(config)).toEqual(config)
    expect(config.slots[0]?.kafka.ssl).toEqual({
      ca: '-----BEGIN CERTIFICATE-----\n',
      pfx: Uint8Array.from([1, 2, 3]),
    })
    bytes[0] = 9
    expect(config.slots[0]?.kafka.ssl).toMatchObject({ pfx: Uint8Array.from([1, 2, 3]) })
  })

  test('is frozen all the way down', () => {
    const thawed = (value: unknown): boolean =>
      typeof value === 'object' &&
      value !== null &&
      !ArrayBuffer.isView(value) &&
      (!Object.isFrozen(value) || Object.values(value).some(thawed))
    expect(thawed(resolveConfig(options))).toBe(false)
  })

  test('leaves the options as they were, frozen or not', () => {
    const before = inspect(options, { depth: 9 })
    resolveConfig(options)
    expect(inspect(options, { depth: 9 })).toBe(before)
    expect(Object.isFrozen(options.kafka.brokers)).toBe(false)
    expect(() => resolveConfig(Object.freeze({ ...base, consumer: Object.freeze({ groupId: 'g' }) }))).not.toThrow()
  })

  test('is the same when it is resolved twice', () => {
    expect(resolveConfig(options)).toEqual(resolveConfig(options))
  })
})

describe('group.instance.id', () => {
  const two = { topics: undefined, handler: undefined }
  const subscriptions = [
    { topics: ['a'], handler: 'h' },
    { topics: ['b'], handler: 'h', workers: 1 },
  ]

  test.each([
    ['shared, KafkaJS-like name', { consumer: { groupId: 'g', groupInstanceId: 'pod' } }],
    ['shared, dotted name', { consumer: { groupId: 'g', 'group.instance.id': 'pod' } }],
    ['shared, dotted name among the connection', { kafka: { brokers: ['a:1'], 'group.instance.id': 'pod' } }],
  ])('of the shared options survives everything that does not set it (%s)', (_, options) => {
    const config = resolveConfig({
      ...base,
      ...two,
      ...options,
      subscriptions: [
        {
          topics: ['t'],
          handler: 'h',
          workers: 2,
          consumer: { groupInstanceId: undefined, 'group.instance.id': undefined, sessionTimeout: 30_000 },
          kafka: { clientId: 'x', 'group.instance.id': undefined },
        },
      ],
      perSlot: (slot: number) => (slot === 0 ? undefined : { consumer: { groupInstanceId: undefined }, kafka: {} }),
    })
    expect(instanceIds(config)).toEqual(['pod-0', 'pod-1'])
  })

  test('is taken as it is by the only slot of a group', () => {
    const consumer = { groupId: 'g', groupInstanceId: 'pod' }
    expect(instanceIds(resolveConfig({ ...base, workers: 1, consumer }))).toEqual(['pod'])
  })

  test('gets the number of the slot within its group, through all subscriptions', () => {
    const consumer = { groupId: 'g', groupInstanceId: 'pod' }
    const config = resolveConfig({ ...base, ...two, consumer, subscriptions })
    expect(instanceIds(config)).toEqual(['pod-0', 'pod-1', 'pod-2'])
    expect(config.slots.map(({ slot, subscription }) => [slot, subscription])).toEqual([
      [0, 0],
      [1, 0],
      [2, 1],
    ])
  })

  test('is numbered for each group on its own', () => {
    const [first, second] = subscriptions
    const other = { ...second, consumer: { groupId: 'other' } }
    const consumer = { groupId: 'g', groupInstanceId: 'pod' }
    const config = resolveConfig({ ...base, ...two, consumer, subscriptions: [first, other] })
    expect(instanceIds(config)).toEqual(['pod-0', 'pod-1', 'pod'])
  })

  test('has its number where the user wants it', () => {
    const consumer = { groupId: 'g', groupInstanceId: 'pod-{slot}-x' }
    expect(instanceIds(resolveConfig({ ...base, consumer }))).toEqual(['pod-0-x', 'pod-1-x'])
    expect(instanceIds(resolveConfig({ ...base, workers: 1, consumer }))).toEqual(['pod-0-x'])
  })

  test('that was given for one slot is taken as it is', () => {
    const perSlot = (slot: number) => ({ consumer: slot === 1 ? { groupInstanceId: 'mine' } : {} })
    const consumer = { groupId: 'g', groupInstanceId: 'pod' }
    expect(instanceIds(resolveConfig({ ...base, consumer, perSlot }))).toEqual(['pod-0', 'mine'])
  })

  test('that two slots of a group would share is refused, and both are named', () => {
    const [issue, ...more] = issuesOf({
      ...base,
      workers: 4,
      perSlot: () => ({ consumer: { groupInstanceId: 'mine' } }),
    })
    expect(more).toEqual([])
    expect(issue?.path).toBe('perSlot(1).consumer.groupInstanceId')
    expect(issue?.message).toMatch(/slot 1 .*"mine".*slot 0 .*fence each other/)
  })

  test('that a numbered one happens to equal is refused as well', () => {
    const perSlot = (slot: number) => ({ consumer: slot === 0 ? { groupInstanceId: 'pod-1' } : {} })
    const consumer = { groupId: 'g', groupInstanceId: 'pod' }
    expect(paths({ ...base, consumer, perSlot })).toEqual(['consumer.groupInstanceId'])
  })

  test('may be equal in two groups, and in groups of one name on two clusters', () => {
    const [first, second] = subscriptions
    const mine = { consumer: { groupInstanceId: 'mine' } }
    const perSlot = (slot: number) => (slot === 1 ? undefined : mine)
    const elsewhere = (own: Fields) => ({ ...base, ...two, subscriptions: [first, { ...second, ...own }], perSlot })
    expect(paths(elsewhere({ consumer: { groupId: 'other' } }))).toEqual([])
    expect(paths(elsewhere({ kafka: { brokers: ['b:1'] } }))).toEqual([])
    expect(paths(elsewhere({}))).toEqual(['perSlot(2).consumer.groupInstanceId'])
  })

  test.each([
    ['', /expected at least one character/],
    ['pod 1', /expected at least one character/],
    ['pod/{slot}', /expected at least one character/],
    ['{worker}', /expected at least one character/],
    ['..', /is "\." or "\.\."/],
    ['x'.repeat(250), /has 250 characters/],
  ])('%j is refused by name', (groupInstanceId, message) => {
    const issues = issuesOf({ ...base, workers: 1, consumer: { groupId: 'g', groupInstanceId } })
    expect(issues).toEqual([{ path: 'consumer.groupInstanceId', message: expect.stringMatching(message) }])
  })

  test('is measured with its number, and reported once for all slots', () => {
    const consumer = { groupId: 'g', groupInstanceId: 'x'.repeat(248) }
    expect(paths({ ...base, workers: 1, consumer })).toEqual([])
    expect(issuesOf({ ...base, workers: 3, consumer })).toEqual([
      { path: 'consumer.groupInstanceId', message: expect.stringContaining('has 250 characters; Kafka allows 249') },
    ])
  })
})

describe('options contradict each other:', () => {
  const cases: [string, Fields, string][] = [
    [
      'heartbeats too rare for the session',
      { consumer: { groupId: 'g', heartbeatInterval: 15_001 } },
      'consumer.heartbeatInterval',
    ],
    [
      'a session too short for the heartbeats',
      { consumer: { groupId: 'g', sessionTimeout: 8_999 } },
      'consumer.sessionTimeout',
    ],
    [
      'heartbeats too rare for a rebalance',
      { consumer: { groupId: 'g', heartbeatInterval: 10_000, rebalanceTimeout: 13_699 } },
      'consumer.heartbeatInterval',
    ],
    [
      'a rebalance too short for any member',
      { consumer: { groupId: 'g', rebalanceTimeout: 3_000 } },
      'consumer.rebalanceTimeout',
    ],
    [
      'a pool that gives up before any slot',
      { restart: { maxRestarts: 8, maxPoolRestarts: 7 } },
      'restart.maxRestarts',
    ],
    ['a pool that gives up before any slot by default', { restart: { maxPoolRestarts: 7 } }, 'restart.maxPoolRestarts'],
    [
      'an idle fetch longer than the session',
      { consumer: { groupId: 'g', maxWaitTimeInMs: 45_000 }, kafka: { brokers: ['a:1'], requestTimeout: 60_000 } },
      'consumer.maxWaitTimeInMs',
    ],
    [
      'an idle fetch longer than a request',
      { consumer: { groupId: 'g', 'fetch.max.wait.ms': 30_000 } },
      'consumer["fetch.max.wait.ms"]',
    ],
    ['a first retry later than the last', { retry: { initialDelayMs: 61_000 } }, 'retry.initialDelayMs'],
    ['a last retry earlier than the first', { retry: { maxDelayMs: 100 } }, 'retry.maxDelayMs'],
    ['a first pause longer than the longest', { retry: { initialPauseMs: 600_001 } }, 'retry.initialPauseMs'],
    ['a longest pause shorter than the first', { retry: { maxPauseMs: 29_000 } }, 'retry.maxPauseMs'],
    ['a pause of more than a day', { retry: { maxPauseMs: 86_400_001 } }, 'retry.maxPauseMs'],
    [
      'a first reconnect later than the last',
      { kafka: { brokers: ['a:1'], retry: { initialRetryTime: 31_000 } } },
      'kafka.retry.initialRetryTime',
    ],
    ['a first restart later than the last', { restart: { delayMs: 61_000 } }, 'restart.delayMs'],
  ]
  test.each(cases)('%s', (_, options, path) => {
    expect(paths({ ...base, ...options })).toEqual([path])
  })

  test.each([
    [
      { consumer: { groupId: 'g', heartbeatInterval: 10_000, rebalanceTimeout: 5_000 } },
      /^heartbeatInterval \(10000 ms\) must be below rebalanceTimeout \(5000 ms\) by the 3700 ms .*\. Lower it to 1300, or raise rebalanceTimeout to 13700$/,
    ],
    [
      { consumer: { groupId: 'g', rebalanceTimeout: 3_000 } },
      /^heartbeatInterval \(3000 ms\) must be below rebalanceTimeout \(3000 ms\) .*\. Raise rebalanceTimeout to 6700$/,
    ],
    [
      { consumer: { groupId: 'g', sessionTimeout: 2, heartbeatInterval: 1, maxWaitTimeInMs: 0 } },
      /^heartbeatInterval \(1 ms\) must be at most a third of sessionTimeout \(2 ms\), .*\. Raise sessionTimeout to 3$/,
    ],
    [
      { workers: 1, restart: { maxPoolRestarts: 1_000 } },
      / is never exceeded: a slot that crashes again and again does so 11 times within restart\.windowMs /,
    ],
    [
      { restart: { maxPoolRestarts: 7 } },
      /^restart\.maxRestarts \(8\) must not be above restart\.maxPoolRestarts \(7\), or a single slot .*\. Lower it, or raise restart\.maxPoolRestarts$/,
    ],
  ])('%j: the sentence names both options, both values and the remedy', (options, sentence) => {
    expect(issuesOf({ ...base, ...options })).toMatchObject([{ message: expect.stringMatching(sentence) }])
  })

  test.each([
    [
      { consumer: { groupId: 'g', minBytes: 2_000, maxBytes: 1_000 } },
      /^minBytes \(2000 bytes\) must not be above maxBytes \(1000 bytes\), .* Lower it, or raise maxBytes$/,
    ],
    [
      { consumer: { groupId: 'g', 'max.partition.fetch.bytes': 100_000_000 } },
      /^maxBytesPerPartition \(100000000 bytes\) must not be above maxDecompressedBytes \(67108864 bytes\), /,
    ],
    [
      { restart: { healthyAfterMs: 500 } },
      /^maxWaitTimeInMs \(500 ms\) must be below restart\.healthyAfterMs \(500 ms\), .* a slot is never parked\. /,
    ],
    [
      { retry: { attempts: 1_000_000 } },
      /^retry\.attempts \(1000000\) takes \d+ days with retry\.maxDelayMs \(60000 ms\), .*\. Lower it, or lower retry\.maxDelayMs/,
    ],
    [
      { restart: { maxRestarts: 10_000 } },
      /^restart\.maxRestarts \(10000\) takes 7 days with restart\.maxDelayMs \(60000 ms\), .*\. Lower it, or lower restart\.maxDelayMs$/,
    ],
    [
      { restart: { maxPoolRestarts: 1_000_000 } },
      /^restart\.maxPoolRestarts \(1000000\) is never exceeded: 2 slots .* do so 22 times within restart\.windowMs \(300000 ms\).* Lower it to 21, which is as near to never as can be \(a pool of which nothing works gives up in any case\), or raise restart\.windowMs$/,
    ],
    ...[Number.POSITIVE_INFINITY, false, 0].map((never): [object, RegExp] => [
      { restart: { maxPoolRestarts: never } },
      /^expected a whole number from 1 to 1000000 \(a pool of which nothing works gives up in any case\), got/,
    ]),
    [
      { restart: { windowMs: 1_000 } },
      /^restart\.windowMs \(1000 ms\) is too short for restart\.maxRestarts \(8\): .* Raise it, or lower restart\.maxRestarts$/,
    ],
    [
      { consumer: { groupId: 'g', maxDecompressedBytes: 20_000_000 }, resourceLimits: { maxOldGenerationSizeMb: 32 } },
      /^maxDecompressedBytes \(20000000 bytes\) must not be above a quarter of resourceLimits\.maxOldGenerationSizeMb \(32 MB\), .* Lower it to 8388608, or raise resourceLimits\.maxOldGenerationSizeMb to 77$/,
    ],
    [
      { consumer: { groupId: 'g', maxBytesPerPartition: 9_000_000 }, resourceLimits: { maxOldGenerationSizeMb: 32 } },
      /^maxBytesPerPartition \(9000000 bytes\) must not be above a quarter of resourceLimits\.maxOldGenerationSizeMb \(32 MB\), .* Lower it to 8388608, or raise resourceLimits\.maxOldGenerationSizeMb to 35$/,
    ],
  ])('%j is a contradiction, and the sentence says which', (options, sentence) => {
    expect(issuesOf({ ...base, ...options })).toMatchObject([{ message: expect.stringMatching(sentence) }])
  })

  test('a default gives way where nobody has said anything', () => {
    const { slots } = resolveConfig({ ...base, resourceLimits: { maxOldGenerationSizeMb: 32 } })
    expect(slots.map(({ consumer }) => consumer.maxDecompressedBytes)).toEqual([2 ** 23, 2 ** 23])
  })

  test('what the sentence advises is accepted', () => {
    const accepted = (options: Fields) => expect(paths({ ...base, ...options })).toEqual([])
    accepted({ consumer: { groupId: 'g', heartbeatInterval: 1_300, rebalanceTimeout: 5_000 } })
    accepted({ consumer: { groupId: 'g', heartbeatInterval: 10_000, rebalanceTimeout: 13_700 } })
    accepted({ consumer: { groupId: 'g', rebalanceTimeout: 6_700 } })
    accepted({ restart: { maxRestarts: 8, maxPoolRestarts: 8 } })
    accepted({ restart: { maxPoolRestarts: 21 } })
    accepted({ restart: { maxPoolRestarts: 22, windowMs: 600_000 } })
    accepted({
      consumer: { groupId: 'g', maxDecompressedBytes: 20_000_000 },
      resourceLimits: { maxOldGenerationSizeMb: 77 },
    })
  })

  test('a third of the session is not too rare for heartbeats', () => {
    expect(paths({ ...base, consumer: { groupId: 'g', sessionTimeout: 9_000 } })).toEqual([])
  })

  test('the more specific of the two options is blamed', () => {
    const own = { topics: ['t'], handler: 'h', consumer: { sessionTimeout: 6_000 } }
    const options = {
      ...base,
      topics: undefined,
      handler: undefined,
      consumer: { groupId: 'g', heartbeatInterval: 5_000 },
    }
    expect(paths({ ...options, subscriptions: [own] })).toEqual(['subscriptions[0].consumer.sessionTimeout'])
  })

  test('a value that is faulty itself breaks no rule', () => {
    const consumer = { groupId: 'g', sessionTimeout: 'soon', heartbeatInterval: 20_000 }
    expect(paths({ ...base, consumer })).toEqual(['consumer.sessionTimeout'])
  })
})

describe('values that the machine, or the pool, could not bear', () => {
  test.each<[Fields, string]>([
    [{ resourceLimits: { maxOldGenerationSizeMb: 31 } }, 'resourceLimits.maxOldGenerationSizeMb'],
    [{ resourceLimits: { stackSizeMb: 0.2 } }, 'resourceLimits.stackSizeMb'],
    [{ resourceLimits: { stackSizeMb: 0.49 } }, 'resourceLimits.stackSizeMb'],
    [{ resourceLimits: { stackSizeMb: 1_025 } }, 'resourceLimits.stackSizeMb'],
    [{ restart: { probeMs: 999 } }, 'restart.probeMs'],
    [{ terminateTimeoutMs: 999 }, 'terminateTimeoutMs'],
    [{ consumer: { groupId: 'g', metadataMaxAge: 999 } }, 'consumer.metadataMaxAge'],
    [{ consumer: { groupId: 'g', 'metadata.max.age.ms': '1' } }, 'consumer["metadata.max.age.ms"]'],
  ])('are refused: %j', (options, path) => {
    expect(issuesOf({ ...base, ...options })).toEqual([
      { path, message: expect.stringMatching(/^expected .* from .* to /) },
    ])
  })

  test.each<Fields>([
    { resourceLimits: { maxOldGenerationSizeMb: 32 } },
    { resourceLimits: { stackSizeMb: 0.5 } },
    { resourceLimits: { stackSizeMb: 1_024 } },
    { restart: { probeMs: 1_000 }, terminateTimeoutMs: 1_000, consumer: { groupId: 'g', metadataMaxAge: 1_000 } },
  ])('those at their limits are not: %j', (options) => {
    expect(paths({ ...base, ...options })).toEqual([])
  })
})

describe('subscriptions', () => {
  const none = { ...base, topics: undefined, handler: undefined, workers: undefined }

  test('have their own number of slots, else that of the pool, else one for each core', () => {
    const subscriptions = [
      { topics: ['a'], handler: 'h', workers: 1 },
      { topics: ['b'], handler: 'h' },
    ]
    const counts = (options: Fields) =>
      resolveConfig(options, { parallelism: 3 }).slots.map(({ subscription }) => subscription)
    expect(counts({ ...none, subscriptions })).toEqual([0, 1, 1, 1])
    expect(counts({ ...none, workers: 2, subscriptions })).toEqual([0, 1, 1])
  })

  test.each([
    [1, 8, [8]],
    [2, 8, [4, 4]],
    [3, 8, [3, 3, 2]],
    [4, 3, [1, 1, 1, 1]],
  ])('that do not say how many, %i of them, share %i cores', (count, parallelism, expected) => {
    const names = Array.from({ length: count }, (_, number) => `t${number}`)
    const own = { topics: ['own'], handler: 'h', workers: 5 }
    const subscriptions = [own, ...names.map((topic) => ({ topics: [topic], handler: 'h' }))]
    const { slots } = resolveConfig({ ...none, subscriptions }, { parallelism })
    const counts = subscriptions.map((_, at) => slots.filter(({ subscription }) => subscription === at).length)
    expect(counts).toEqual([5, ...expected])
  })

  test('of one group must not share a topic', () => {
    const twice = (own: Fields) => ({
      ...none,
      subscriptions: [
        { topics: ['a', 'b'], handler: 'h', workers: 2 },
        { topics: ['b'], handler: 'h', workers: 2, ...own },
      ],
    })
    expect(issuesOf(twice({}))).toEqual([
      {
        path: 'subscriptions[1].topics',
        message: expect.stringMatching(/"b" is in subscriptions\[0\] of the same group "g"/),
      },
    ])
    expect(paths(twice({ consumer: { groupId: 'other' } }))).toEqual([])
    expect(paths(twice({ kafka: { brokers: ['elsewhere:1'] } }))).toEqual([])
  })

  test('of one group must have an assignor in common', () => {
    const perSlot = (slot: number) => ({ assignors: slot === 0 ? ['range'] : ['roundrobin'] })
    expect(paths({ ...base, perSlot })).toEqual(['perSlot(1).assignors'])
    const common = (slot: number) => ({ assignors: slot === 0 ? ['range', 'roundrobin'] : ['roundrobin'] })
    expect(paths({ ...base, perSlot: common })).toEqual([])
  })

  test.each([
    ['missing', {}, ['subscriptions']],
    ['empty', { subscriptions: [] }, ['subscriptions']],
    ['null', { subscriptions: null }, ['subscriptions']],
    ['not a list', { subscriptions: { topics: ['a'], handler: 'h' } }, ['subscriptions']],
    ['not objects', { subscriptions: ['a'] }, ['subscriptions[0]']],
    [
      'beside topics and handler',
      { subscriptions: [{ topics: ['a'], handler: 'h' }], topics: ['a'], handler: 'h' },
      ['topics', 'handler'],
    ],
    ['without topics and handler', { subscriptions: [{}] }, ['subscriptions[0].topics', 'subscriptions[0].handler']],
    ['without a handler', { topics: ['a'] }, ['handler']],
    ['with no topic', { topics: [], handler: 'h' }, ['topics']],
    [
      'with a topic that is none',
      { topics: ['a', '', 'a b', '..', 7, '/(/', 'a', '//', /b/, '/b/g'], handler: 'h' },
      [1, 2, 3, 4, 5, 6, 7, 9].map((index) => `topics[${index}]`),
    ],
    ['with a topic that is no text', { topics: [{}], handler: 'h' }, ['topics[0]']],
    ['with no slots', { topics: ['a'], handler: 'h', workers: 0 }, ['workers']],
    ['with half a slot', { topics: ['a'], handler: 'h', workers: 1.5 }, ['workers']],
    [
      'with far too many slots',
      { subscriptions: [{ topics: ['a'], handler: 'h', workers: 1e9 }] },
      ['subscriptions[0].workers'],
    ],
    [
      'with options of the pool',
      {
        subscriptions: [
          { topics: ['a'], handler: 'h', commitIntervalMs: 1, consumer: { 'auto.commit.interval.ms': 1 } },
        ],
      },
      ['subscriptions[0].commitIntervalMs', 'subscriptions[0].consumer["auto.commit.interval.ms"]'],
    ],
  ] as [string, Fields, string[]][])('%s are refused', (_, options, expected) => {
    expect(paths({ ...none, ...options })).toEqual(expected)
  })
})

describe('the handler', () => {
  const handlerOf = (handler: unknown) => resolveConfig({ ...base, handler }).slots[0]?.handler

  test.each([
    [new URL('file:///a/h.js'), 'file:///a/h.js'],
    ['file:///a/h.js', 'file:///a/h.js'],
    ['/a/h.js', 'file:///a/h.js'],
    ['./a/h.js', pathToFileURL('a/h.js').href],
    ['h.js', pathToFileURL('h.js').href],
  ])('%s becomes a file URL', (handler, expected) => {
    expect(handlerOf(handler)).toBe(expected)
  })

  test.each([
    ['https://x/h.js'],
    ['data:text/javascript,1'],
    [''],
    [7],
    [() => undefined],
    [null],
  ])('%s is refused', (handler) => {
    expect(paths({ ...base, handler })).toEqual(['handler'])
  })
})

describe('perSlot', () => {
  test('is asked once for each slot, numbered through all subscriptions', () => {
    const asked: number[] = []
    resolveConfig({ ...base, workers: 3, perSlot: (slot: number) => void asked.push(slot) })
    expect(asked).toEqual([0, 1, 2])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('boom')
      },
      'perSlot(0)',
      /boom/,
    ],
    ['returns a promise', async () => ({}), 'perSlot(0)', /expected an object/],
    ['returns null', () => null, 'perSlot(0)', /expected an object/],
    ['moves the topics', () => ({ topics: ['x'] }), 'perSlot(0).topics', /in a subscription/],
    ['changes the pool', () => ({ recovery: 'rejoin' }), 'perSlot(0).recovery', /whole pool/],
  ])('that %s is one fault, however many slots there are', (_, perSlot, path, message) => {
    expect(issuesOf({ ...base, workers: 3, perSlot })).toEqual([{ path, message: expect.stringMatching(message) }])
  })

  test('that is no function is refused', () => {
    expect(paths({ ...base, perSlot: { 0: {} } })).toEqual(['perSlot'])
  })
})

test.each([undefined, null, 7, 'x', [], new Map()])('options that are %s are refused', (options) => {
  expect(issuesOf(options)).toEqual([{ path: '', message: expect.stringContaining('expected an object of options') }])
})

test('of a list of several the item that is wrong is named, however long the list is', () => {
  const brokers = [...Array.from({ length: 9 }, (_, n) => `broker-${n}.example.org:9092`), 'localhost']
  const message = 'expected a list of at least one address like "host:9092", got \'localhost\' (string) in it'
  for (const given of [brokers, brokers.join(',')]) {
    expect(issuesOf({ ...base, kafka: { brokers: given } })).toEqual([{ path: 'kafka.brokers', message }])
  }
})

test('every fault is reported at once, in data and in a text that a terminal can show', () => {
  const options = {
    ...base,
    kafka: { brokers: ['nowhere'], clientID: 'x' },
    consumer: { 'sesion.timeout.ms': 1, maxBytes: 'many' },
    worker: 3,
    drainTimeoutMs: -1,
  }
  expect(() => resolveConfig(options)).toThrow(
    [
      'The configuration has 7 faults:',
      '  - worker: unknown name. Did you mean "workers"?',
      '  - kafka.brokers: expected a list of at least one address like "host:9092", got [ \'nowhere\' ] (array)',
      '  - kafka.clientID: unknown name. Did you mean "clientId"?',
      '  - consumer["sesion.timeout.ms"]: unknown name. Did you mean "session.timeout.ms"?',
      "  - consumer.maxBytes: expected a whole number of bytes from 1 to 2147483647, got 'many' (string)",
      '  - drainTimeoutMs: expected a whole number of milliseconds from 0 to 2147483647, got -1 (number)',
      '  - consumer.groupId: is missing. Name the group: consumer: { groupId: "orders" }',
    ].join('\n'),
  )
})

test('whatever stands in the options, what comes of it is a configuration or a KCP_CONFIG_INVALID', () => {
  const anything = fc.anything({
    withNullPrototype: true,
    withBigInt: true,
    withDate: true,
    withMap: true,
    withTypedArray: true,
  })
  const place = fc.constantFrom(
    ...['kafka', 'consumer', 'retry', 'restart', 'resourceLimits', 'topics', 'handler', 'workers', 'subscriptions'],
    ...['assignors', 'logger', 'perSlot', 'kafka.brokers', 'kafka.ssl', 'kafka.sasl', 'kafka.retry', 'kafka.codecs'],
    ...['kafka.bootstrap.servers', 'kafka.security.protocol', 'kafka.check.crcs', 'consumer.groupInstanceId'],
    ...['kafka.ssl.ca.location', 'kafka.sasl.jaas.config', 'consumer.session.timeout.ms', 'consumer.auto.offset.reset'],
    ...['consumer.partition.assignment.strategy', 'consumer.isolation.level', 'kafka.ssl.enabled.protocols'],
  )
  fc.assert(
    fc.property(place, anything, (path, value) => {
      const [section = '', ...names] = path.split('.')
      const inner = names.length === 0 ? value : { ...((base as Fields)[section] as Fields), [names.join('.')]: value }
      try {
        expect(resolveConfig({ ...base, workers: 1, [section]: inner }).slots.length).toBeGreaterThan(0)
      } catch (error) {
        expect(error).toMatchObject({ code: 'KCP_CONFIG_INVALID' })
      }
    }),
    { numRuns: 500 },
  )
})

test.each([
  ['perSlot(0)', { perSlot: async () => ({}) }, 'expected an object of overrides, or undefined, got a promise: '],
  ['resourceLimits', { resourceLimits: new Map() }, 'expected an object, got one that is no plain object '],
])('%s that only looks like an object of options is named as what it is', (path, options, message) => {
  expect(issuesOf({ ...base, workers: 1, ...options })).toMatchObject([
    { path, message: expect.stringContaining(message) },
  ])
})
