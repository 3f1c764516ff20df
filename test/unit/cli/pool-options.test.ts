import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { numberOrRange } from '#src/cli/option-values.js'
import { poolOptions, type RunFlags } from '#src/cli/pool-options.js'
import { UsageError } from '#src/cli/usage-error.js'
import { resolveConfig } from '#src/config/resolve.js'
import type { SlotConfig } from '#src/config/resolved.js'

const complete: RunFlags = { handler: './handler.js', brokers: ['a:9092'], topic: ['orders'], group: 'g' }

const resolve = (flags: RunFlags, file: Record<string, unknown> | null = null) =>
  resolveConfig(poolOptions(flags, file), { parallelism: 1 })

const slotOf = (flags: RunFlags, file: Record<string, unknown> | null = null): SlotConfig => {
  const [slot] = resolve(flags, file).slots
  if (slot === undefined) throw new Error('no slot')
  return slot
}

/** The same as `complete`, as a file has it. */
const file = {
  kafka: { brokers: ['file:9092'], 'client.id': 'file' },
  consumer: { 'group.id': 'file', sessionTimeout: 10_000 },
  subscriptions: [{ topics: ['file'], handler: './file.js' }],
}

describe('the command line alone', () => {
  it('makes the options of one subscription', () => {
    const flags = { ...complete, clientId: 'c', groupInstanceId: 'i', fromBeginning: true, concurrency: 3, workers: 2 }
    const { slots } = resolve({ ...flags, assignor: ['range', 'roundrobin'] })
    expect(slots).toHaveLength(2)
    expect(slots[1]).toMatchObject({
      topics: ['orders'],
      handler: new URL('./handler.js', `file://${process.cwd()}/`).href,
      fromBeginning: true,
      concurrency: 3,
      assignors: ['range', 'roundrobin'],
      kafka: { brokers: ['a:9092'], clientId: 'c' },
      consumer: { groupId: 'g', groupInstanceId: 'i-1' },
    })
  })

  it('may say that each slot has a process, over what a file says of it', () => {
    expect(resolve(complete).pool.isolation).toBe('thread')
    expect(resolve({ ...complete, isolation: 'process' }, { isolation: 'thread' }).pool.isolation).toBe('process')
  })

  it('may turn the admin server on, at the place that the file or the command line says', () => {
    const token = 'a-token-of-sixteen-characters'
    const here = { host: '127.0.0.1', port: 9_464, token: null }
    expect(resolve(complete).pool.admin).toBeNull()
    expect(resolve({ ...complete, admin: true }).pool.admin).toEqual(here)
    expect(resolve({ ...complete, admin: true }, { admin: false }).pool.admin).toEqual(here)
    expect(resolve({ ...complete, admin: true }, { admin: { port: 1, token } }).pool.admin).toEqual({
      ...{ ...here, port: 1, token },
    })
    const flag = { host: '::1', port: 0 }
    expect(resolve({ ...complete, admin: flag }).pool.admin).toEqual({ ...here, ...flag })
    expect(resolve({ ...complete, admin: flag }, { admin: { port: 1, host: '0.0.0.0', token } }).pool.admin).toEqual({
      ...flag,
      token,
    })
    expect(resolve({ ...complete, admin: { host: null, port: 2 } }, { admin: true }).pool.admin?.port).toBe(2)
    expect(resolve({ ...complete, set: ['admin.port=3'] }).pool.admin).toEqual({ ...here, port: 3 })
  })

  it('names everything that is missing', () => {
    expect(() => poolOptions({ topic: ['orders'] }, null)).toThrow(
      new UsageError(
        '--handler, --brokers, --group are missing, and no configuration file was found: kafka-consumer-pool.config.json, .js, .mjs, .cjs, .ts or .mts, here or above, or --config',
      ),
    )
  })

  it('may name brokers and group by --set', () => {
    const set = ['bootstrap.servers=a:1,b:2', 'group.id=other']
    const { kafka, consumer } = slotOf({ handler: './h.js', topic: ['t'], set })
    expect([kafka.brokers, consumer.groupId]).toEqual([['a:1', 'b:2'], 'other'])
  })
})

describe('--set', () => {
  it.each([
    ['session.timeout.ms=30000', { consumer: { sessionTimeout: 30_000 } }],
    ['sessionTimeout=30000', { consumer: { sessionTimeout: 30_000 } }],
    ['consumer.sessionTimeout=30000', { consumer: { sessionTimeout: 30_000 } }],
    ['isolation.level=read_uncommitted', { consumer: { readUncommitted: true } }],
    ['request.timeout.ms=1234', { kafka: { requestTimeout: 1_234 } }],
    ['kafka.retry.retries=7', { kafka: { retry: { retries: 7 } } }],
    ['retry.retries=7', { kafka: { retry: { retries: 7 } } }],
    ['retry.attempts=2', { retry: { attempts: 2 } }],
    ['max.poll.interval.ms=5000', { maxProcessingMs: 5_000 }],
    ['maxProcessingMs=5000', { maxProcessingMs: 5_000 }],
    ['fromBeginning=true', { fromBeginning: true }],
    ['assignors=range,roundrobin', { assignors: ['range', 'roundrobin'] }],
    ['onExhausted=skip', { onExhausted: 'skip' }],
  ])('%s reaches the slot', (text, expected) => {
    expect(slotOf({ ...complete, set: [text] })).toMatchObject(expected)
  })

  it('reaches the pool', () => {
    const { pool } = resolve({ ...complete, set: ['restart.maxRestarts=2', 'drainTimeoutMs=5', 'recovery=rejoin'] })
    expect(pool).toMatchObject({ drainTimeoutMs: 5, recovery: 'rejoin', restart: { maxRestarts: 2 } })
  })

  it('takes a list of modules, of which paths are those of the working directory', () => {
    const { pool } = resolve({ ...complete, set: ['threadImports=./hooks.mjs, some-sdk/register'] })
    expect(pool.threadImports).toEqual([pathToFileURL('hooks.mjs').href, 'some-sdk/register'])
  })

  it('takes a value with an equals sign whole', () => {
    const set = ['security.protocol=SASL_PLAINTEXT', 'sasl.mechanism=PLAIN', 'sasl.username=u', 'sasl.password=a=b']
    expect(slotOf({ ...complete, set }).kafka.sasl).toMatchObject({ username: 'u', password: 'a=b' })
  })

  it.each([
    ['sesion.timeout.ms=1', 'Did you mean "session.timeout.ms"?'],
    ['restart.maxRestart=1', 'Did you mean "restart.maxRestarts"?'],
    ['max.poll.records=1', 'cannot be honoured: messages are handed over one by one'],
    ['max_messages=1', 'unknown name: messages are handed over one by one'],
    ['max-poll-interval-ms=1', 'Did you mean "max.poll.interval.ms"?'],
    ['ack-mode=manual', 'the pool itself commits what is finished'],
    ['kafka.ssl.enabled=true', 'security.protocol=SSL'],
    ['ssl=true', 'security.protocol=SSL'],
    ['sasl=plain', 'sasl.mechanism=PLAIN'],
    ['workers=3', 'workers is an option of the command itself: --workers 3'],
    ['topics=orders', '--topic orders'],
    ['handler=./h.mjs', '--handler ./h.mjs'],
    ['logLevel=debug', '--log-level debug'],
    ['logger.level=debug', '--log-level debug'],
    [
      'retry=5',
      /^--set retry: retry has parts .* --set retry\.attempts=… \(how often a message is tried before it is exhausted\), or --set retry\.retries=… \(how often all addresses are tried again before start\(\) fails because none can be reached\)$/,
    ],
    ['kafka.retry=5', /such as --set kafka\.retry\.retries=…$/],
    ['restart=5', 'such as --set restart.delayMs=…'],
    ['codecs=x', 'such as --set codecs.snappy=…'],
    ['attempts=5', 'unknown name: that is retry.attempts here'],
    ['admin=true', '--admin'],
    ['admin.prot=1', 'Did you mean "admin.port"?'],
    ['subscriptions=x', 'takes a configuration file'],
    ['zzzzzz=1', 'docs/configuration.md lists all'],
    ['session.timeout.ms', 'expected <name>=<value>'],
    ['=1', 'expected <name>=<value>'],
  ])('%s is refused', (text, why) => {
    expect(() => poolOptions({ ...complete, set: [text] }, null)).toThrow(why)
  })

  it.each(['1e3', '0x10', '1_000', ' '])('%j is a number nowhere', (text) => {
    for (const name of ['maxProcessingMs', 'session.timeout.ms', 'consumer.sessionTimeout', 'retry.attempts']) {
      expect(() => resolve({ ...complete, set: [`${name}=${text}`] })).toThrow(/expected a whole number/)
    }
  })

  it('takes a number with a decimal point where one may stand', () => {
    const { pool } = resolve({ ...complete, set: ['resourceLimits.stackSizeMb=0.75'] })
    expect(pool.resourceLimits).toMatchObject({ stackSizeMb: 0.75 })
    expect(() => resolve({ ...complete, set: ['session.timeout.ms=0.5'] })).toThrow(/expected a whole number/)
  })

  it('leaves it to the pool to say what is wrong with a value', () => {
    expect(() => resolve({ ...complete, set: ['maxProcessingMs=soon', 'session.timeout.ms='] })).toThrow(
      /session\.timeout\.ms.*maxProcessingMs: expected a whole number of milliseconds/s,
    )
  })
})

describe('with a configuration file', () => {
  it('what the command line does not say is the file’s', () => {
    expect(slotOf({}, file)).toMatchObject({
      topics: ['file'],
      kafka: { brokers: ['file:9092'], clientId: 'file' },
      consumer: { groupId: 'file', sessionTimeout: 10_000 },
    })
  })

  it('the command line wins, whatever name the file uses', () => {
    const flags: RunFlags = { ...complete, clientId: 'flag', set: ['session.timeout.ms=20000'] }
    expect(slotOf(flags, file)).toMatchObject({
      topics: ['orders'],
      kafka: { brokers: ['a:9092'], clientId: 'flag' },
      consumer: { groupId: 'g', sessionTimeout: 20_000 },
    })
  })

  it('the command line wins over what the file says of one subscription or slot', () => {
    const layered = {
      ...file,
      subscriptions: [
        { topics: ['t'], handler: './h.js', consumer: { groupId: 'sub' }, retry: { attempts: 9, maxDelayMs: 700 } },
      ],
      perSlot: () => ({ consumer: { 'session.timeout.ms': 11_000 }, concurrency: 4 }),
    }
    const set = ['sessionTimeout=20000', 'retry.attempts=2']
    expect(slotOf({ group: 'flag', set }, layered)).toMatchObject({
      consumer: { groupId: 'flag', sessionTimeout: 20_000 },
      retry: { attempts: 2, maxDelayMs: 700 },
      concurrency: 4,
    })
  })

  const PEM = '-----BEGIN CERTIFICATE-----\nx\n'
  const sasl = { mechanism: 'plain', username: 'u', password: 'p' }

  it.each<[string, Record<string, unknown>, unknown, unknown]>([
    ['PLAINTEXT', { ssl: true }, false, null],
    ['PLAINTEXT', { ssl: 'true' }, false, null],
    ['PLAINTEXT', { ssl: { ca: PEM }, sasl }, false, null],
    ['PLAINTEXT', { 'security.protocol': 'SASL_SSL', 'ssl.ca.pem': PEM, 'sasl.mechanism': 'plain' }, false, null],
    ['SSL', { ssl: false }, true, null],
    ['SSL', { ssl: { ca: PEM }, sasl }, { ca: PEM }, null],
    ['SASL_SSL', { ssl: false, sasl }, true, sasl],
    ['SASL_PLAINTEXT', { ssl: { ca: PEM }, sasl }, false, sasl],
  ])('--set security.protocol=%s wins over %j', (protocol, kafka, expectedSsl, expectedSasl) => {
    const set = [`security.protocol=${protocol}`]
    const shared = { ...file, kafka: { ...file.kafka, ...kafka } }
    const [subscription] = file.subscriptions
    const inSubscription = { ...file, subscriptions: [{ ...subscription, kafka }] }
    for (const options of [shared, inSubscription]) {
      expect(slotOf({ set }, options).kafka).toMatchObject({ ssl: expectedSsl, sasl: expectedSasl })
    }
  })

  it('--workers may be a range', () => {
    const options = { ...complete, workers: numberOrRange('2..4') }
    expect(resolveConfig(poolOptions(options, null)).workers).toEqual([{ min: 2, max: 4 }])
    expect(numberOrRange(' 3 ')).toBe(3)
    for (const text of ['0', '2..', '..4', '2-4', '1.5', 'two', '-1..2'])
      expect(() => numberOrRange(text)).toThrow('2..8')
  })

  it('--workers is for every subscription', () => {
    const two = {
      ...file,
      subscriptions: [
        { topics: ['a'], handler: './a.js', workers: 5 },
        { topics: ['b'], handler: './b.js' },
      ],
    }
    expect(resolve({ workers: 2 }, two).slots.map(({ subscription }) => subscription)).toEqual([0, 0, 1, 1])
  })

  it('--topic and --handler are refused when it has several subscriptions', () => {
    const [subscription] = file.subscriptions
    const two = { ...file, subscriptions: [subscription, subscription] }
    expect(() => poolOptions({ topic: ['t'] }, two)).toThrow(UsageError)
    expect(() => poolOptions({ handler: './h.js' }, two)).toThrow('change them there')
  })

  it('--topic leaves the handler of its one subscription', () => {
    expect(slotOf({ topic: ['t'] }, file)).toMatchObject({ topics: ['t'], handler: expect.stringContaining('file.js') })
  })

  it('its object is not touched', () => {
    const before = structuredClone(file)
    poolOptions({ ...complete, workers: 3, set: ['session.timeout.ms=20000', 'restart.delayMs=1'] }, file)
    expect(file).toEqual(before)
  })
})
