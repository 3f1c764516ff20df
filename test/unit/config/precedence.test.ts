import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dottedNamesOf } from '#src/config/names/property-names.js'
import { resolveConfig } from '#src/config/resolve.js'
import type { ResolvedConfig, SlotConfig } from '#src/config/resolved.js'
import { leaves } from '#src/config/schema/leaves.js'
import type { ConfigError } from '#src/errors.js'

type Fields = Record<string, unknown>

/** Three different values of an option: for the shared layer, the subscription and the slot. */
interface Key {
  readonly leaf: string
  readonly where: 'kafka' | 'consumer' | 'top'
  readonly name: string
  readonly values: readonly [unknown, unknown, unknown]
  readonly read: (slot: SlotConfig) => unknown
  /** What the option is when nobody sets it. */
  readonly initial: unknown
  readonly written?: (value: unknown) => unknown
}

const at = (leaf: string) => (slot: SlotConfig) => {
  const [section = '', ...names] = leaf.split('.')
  const start = section === 'processing' ? slot : (slot as unknown as Fields)[section]
  return names.reduce<unknown>((object, name) => (object as Fields)[name], start)
}

const numbers: Record<string, [number, number, number]> = {
  'kafka.connectionTimeout': [2_000, 2_001, 2_002],
  'kafka.authenticationTimeout': [2_000, 2_001, 2_002],
  'kafka.reauthenticationThreshold': [2_000, 2_001, 2_002],
  'kafka.requestTimeout': [2_000, 2_001, 2_002],
  'kafka.retry.retries': [7, 8, 9],
  'kafka.retry.initialRetryTime': [7, 8, 9],
  'kafka.retry.maxRetryTime': [7_000, 8_000, 9_000],
  'consumer.sessionTimeout': [20_000, 20_001, 20_002],
  'consumer.heartbeatInterval': [1_000, 1_001, 1_002],
  'consumer.rebalanceTimeout': [50_000, 50_001, 50_002],
  'consumer.maxBytes': [7, 8, 9],
  'consumer.maxBytesPerPartition': [7, 8, 9],
  'consumer.maxDecompressedBytes': [7_000_000, 8_000_000, 9_000_000],
  'consumer.minBytes': [2, 3, 4],
  'consumer.maxWaitTimeInMs': [7, 8, 9],
  'consumer.metadataMaxAge': [7_000, 8_000, 9_000],
  'processing.maxProcessingMs': [7, 8, 9],
  'processing.concurrency': [7, 8, 9],
  'processing.recycle.afterMessages': [100, 200, 300],
  'processing.recycle.afterMs': [60_000, 70_000, 80_000],
  'processing.convictAfter': [7, 8, 9],
  'processing.retry.attempts': [7, 8, 9],
  'processing.retry.initialDelayMs': [7, 8, 9],
  'processing.retry.maxDelayMs': [7_000, 8_000, 9_000],
  'processing.retry.initialPauseMs': [7_000, 8_000, 9_000],
  'processing.retry.maxPauseMs': [70_000, 80_000, 90_000],
}
const others: Record<string, [unknown, unknown, unknown]> = {
  'kafka.brokers': [['a:1'], ['b:1'], ['c:1']],
  'kafka.clientId': ['a', 'b', 'c'],
  'consumer.groupId': ['a', 'b', 'c'],
  'consumer.groupInstanceId': ['a', 'b', 'c'],
  'consumer.readUncommitted': [true, false, true],
  'consumer.rackId': ['a', 'b', 'c'],
  'processing.fromBeginning': [true, false, true],
  'processing.assignors': [['range'], ['RoundRobinAssigner'], ['range', 'roundrobin']],
  'processing.tracing': [true, false, true],
  'processing.onExhausted': ['skip', 'pause', 'skip'],
}
const modules: Record<string, [string, string, string]> = Object.fromEntries(
  ['snappy', 'lz4', 'zstd'].map((codec) => [`kafka.codecs.${codec}`, ['pkg-a', 'pkg-b', 'pkg-c']]),
)

/** How a value is written under a dotted name where that differs. */
const written: Record<string, (value: unknown) => unknown> = {
  'isolation.level': (value) => (value === true ? 'read_uncommitted' : 'read_committed'),
  'auto.offset.reset': (value) => (value === true ? 'earliest' : 'latest'),
  'bootstrap.servers': (value) => (value as string[]).join(', '),
}

// The brokers and the group have to be set somewhere, so for them "none" is the value that the rest of the options has.
const missing: Fields = {
  'kafka.brokers': ['z:1'],
  'consumer.groupId': 'z',
  'consumer.groupInstanceId': null,
  'consumer.rackId': null,
}

const keys: Key[] = Object.entries({ ...numbers, ...others, ...modules }).flatMap(([leaf, values]) => {
  const [section = '', ...names] = leaf.split('.')
  const initial = leaf in missing ? missing[leaf] : leaves.get(leaf)?.initial
  const shared = { leaf, values, read: at(leaf), initial }
  const own: Key = { ...shared, where: section === 'processing' ? 'top' : (section as 'kafka'), name: names.join('.') }
  const dotted = dottedNamesOf(leaf).flatMap((name): Key[] =>
    (['kafka', 'consumer'] as const).map((where) => ({
      ...shared,
      where,
      name,
      ...(written[name] && { written: written[name] }),
    })),
  )
  return [own, ...dotted]
})

/** An object in which the key has that value: dotted KafkaJS names (`retry.retries`) are nested. */
const layer = (key: Key, value: unknown): Fields => {
  const raw = value === undefined || value === null || !key.written ? value : key.written(value)
  const nested = key.leaf.endsWith(`.${key.name}`)
    ? key.name.split('.').reduceRight<unknown>((inner, name) => ({ [name]: inner }), raw)
    : { [key.name]: raw }
  return key.where === 'top' ? (nested as Fields) : { [key.where]: nested }
}

const join = (a: Fields, b: Fields): Fields => {
  const joined: Fields = { ...a }
  for (const [name, value] of Object.entries(b)) {
    const both =
      typeof value === 'object' && value !== null && !Array.isArray(value) && typeof joined[name] === 'object'
    joined[name] = both ? join(joined[name] as Fields, value as Fields) : value
  }
  return joined
}

const needed = (key: Key): Fields => ({
  kafka: key.leaf === 'kafka.brokers' ? {} : { brokers: ['z:1'] },
  consumer: key.leaf === 'consumer.groupId' ? {} : { groupId: 'z' },
})

/** One slot, with the key set to these values (`undefined`: written, but undefined; absent: not written). */
const resolve = (
  key: Key,
  set: { shared?: unknown; subscription?: unknown; slot?: unknown },
): SlotConfig | undefined => {
  const written = (name: keyof typeof set): Fields => (name in set ? layer(key, set[name]) : {})
  const config: ResolvedConfig = resolveConfig({
    ...join(needed(key), written('shared')),
    workers: 1,
    subscriptions: [{ topics: ['t'], handler: 'h.js', ...written('subscription') }],
    perSlot: () => written('slot'),
  })
  return config.slots[0]
}

describe.each(keys.map((key) => [`${key.where}.${key.name} (${key.leaf})`, key] as const))('%s', (_, key) => {
  const [shared, subscription, slot] = key.values
  const effective = (set: Parameters<typeof resolve>[1]): unknown => {
    const resolved = resolve(key, set)
    return resolved && key.read(resolved)
  }

  test('set nowhere has its default, and has to be set where it has none', () => {
    if (key.leaf === 'kafka.brokers' || key.leaf === 'consumer.groupId') {
      expect(() => effective({})).toThrow(`${key.leaf}: is missing`)
    } else expect(effective({})).toEqual(key.initial)
  })

  test.each([
    ['shared', { shared }, shared],
    ['the subscription', { subscription }, subscription],
    ['the slot', { slot }, slot],
    ['shared and subscription', { shared, subscription }, subscription],
    ['shared and slot', { shared, slot }, slot],
    ['subscription and slot', { subscription, slot }, slot],
    ['all three', { shared, subscription, slot }, slot],
  ])('set in %s: the most specific layer wins', (_, set, expected) => {
    expect(effective(set)).toEqual(expected)
  })

  test.each([
    ['the subscription', { shared, subscription: undefined }, shared],
    ['the slot', { shared, slot: undefined }, shared],
    ['both', { shared, subscription: undefined, slot: undefined }, shared],
    ['the slot, under a subscription', { shared, subscription, slot: undefined }, subscription],
  ])('undefined in %s erases nothing', (_, set, expected) => {
    expect(effective(set)).toEqual(expected)
  })

  test('null is refused in every layer', () => {
    for (const place of ['shared', 'subscription', 'slot']) {
      expect(() => resolve(key, { [place]: null })).toThrow(/null/)
    }
  })
})

const pairs = keys.flatMap((one) =>
  keys.filter((other) => one.leaf === other.leaf && one !== other).map((other) => [one, other] as const),
)

describe.each(
  pairs.map(([one, other]) => [`${one.where}.${one.name} and ${other.where}.${other.name}`, one, other] as const),
)('%s', (_, one, other) => {
  const options = (first: unknown, second: unknown) => ({
    ...join(join(needed(one), layer(one, first)), layer(other, second)),
    workers: 1,
    topics: ['t'],
    handler: 'h.js',
  })

  test('may both be given when they agree', () => {
    const [slot] = resolveConfig(options(one.values[0], one.values[0])).slots
    expect(slot && one.read(slot)).toEqual(one.values[0])
  })

  test('are refused in one layer when they differ, unless they are the same place', () => {
    if (one.where === other.where && one.name === other.name) return
    expect(() => resolveConfig(options(one.values[0], one.values[1]))).toThrow(/for the same option/)
  })

  test('follow the layers, not the kind of the name', () => {
    const [slot] = resolveConfig({
      ...join(needed(one), layer(one, one.values[0])),
      workers: 1,
      subscriptions: [{ topics: ['t'], handler: 'h.js', ...layer(other, other.values[1]) }],
    }).slots
    expect(slot && one.read(slot)).toEqual(one.values[1])
  })
})

// TLS, SASL and dead letters have a switch, and tests of their own.
test('every leaf that can differ by layer stands in the table above', () => {
  const layered = [...leaves.keys()].filter(
    (leaf) => !/^pool\.|^kafka\.(ssl|sasl)\.|^processing\.deadLetter\./.test(leaf),
  )
  expect([...new Set(keys.map((key) => key.leaf))].sort()).toEqual(layered.sort())
})

test('whatever layers set, the most specific one that does wins, and none is lost', () => {
  const value = fc.option(fc.integer({ min: 10_000, max: 1e6 }), { nil: undefined })
  const values = fc.record({ maxBytes: value, rebalanceTimeout: value, metadataMaxAge: value })
  fc.assert(
    fc.property(values, values, values, (shared, subscription, slot) => {
      const [resolved] = resolveConfig({
        kafka: { brokers: ['z:1'] },
        consumer: { groupId: 'z', ...shared },
        workers: 1,
        subscriptions: [{ topics: ['t'], handler: 'h.js', consumer: subscription }],
        perSlot: () => ({ consumer: slot }),
      }).slots
      for (const name of ['maxBytes', 'rebalanceTimeout', 'metadataMaxAge'] as const) {
        const expected = slot[name] ?? subscription[name] ?? shared[name] ?? leaves.get(`consumer.${name}`)?.initial
        expect(resolved?.consumer[name]).toBe(expected)
      }
    }),
  )
})

test('a subscription that changes a part of retry keeps the other parts', () => {
  const [slot] = resolveConfig({
    kafka: { brokers: ['z:1'], retry: { retries: 9 } },
    consumer: { groupId: 'z' },
    retry: { attempts: 9, initialDelayMs: 9 },
    workers: 1,
    subscriptions: [{ topics: ['t'], handler: 'h.js', retry: { attempts: 2 }, kafka: { 'retry.backoff.ms': '5' } }],
  }).slots
  expect(slot?.retry).toMatchObject({ attempts: 2, initialDelayMs: 9, maxDelayMs: 60_000 })
  expect(slot?.kafka.retry).toEqual({ retries: 9, initialRetryTime: 5, maxRetryTime: 30_000 })
})

test('the issues of a conflict name both places', () => {
  const options = { kafka: { 'group.id': 'a' }, consumer: { groupId: 'b' }, topics: ['t'], handler: 'h' }
  try {
    resolveConfig(options)
    expect.unreachable()
  } catch (error) {
    const { issues } = error as ConfigError
    expect(issues).toContainEqual({
      path: 'consumer.groupId',
      message: "says 'b' (string), but kafka[\"group.id\"] says 'a' (string) for the same option. Keep one of them",
    })
  }
})
