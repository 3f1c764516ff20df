import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { spread } from '#src/config/fixed-partitions.js'
import { resolveConfig } from '#src/config/resolve.js'
import { ConfigError } from '#src/errors.js'

const partitionsOf = (topic: string, count: number) =>
  Array.from({ length: count }, (_, partition) => ({ topic, partition }))

test('fixed partitions are dealt evenly, each once, whatever the order in which they are written down', () => {
  const setup = fc.record({
    a: fc.nat(12),
    b: fc.nat(12),
    slots: fc.integer({ min: 1, max: 8 }),
  })
  fc.assert(
    fc.property(setup, ({ a, b, slots }) => {
      const all = [...partitionsOf('a', a), ...partitionsOf('b', b)]
      const shares = spread(all, slots)
      expect(shares).toHaveLength(slots)
      expect(spread([...all].reverse(), slots)).toEqual(shares)
      expect(new Set(shares.flat())).toEqual(new Set(all))
      expect(shares.flat()).toHaveLength(all.length)
      for (const topic of ['a', 'b']) {
        const sizes = shares.map((share) => share.filter((each) => each.topic === topic).length)
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      }
      const sizes = shares.map(({ length }) => length)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    }),
  )
})

const handler = './h.js'
const orders = { assign: [{ topic: 'orders', partitions: [2, 0, 1] }], handler }
const base = { kafka: { brokers: ['a:1'] }, consumer: { groupId: 'g' }, workers: 2 }
const fixedOf = (options: object) =>
  resolveConfig({ ...base, ...options }).slots.map(({ fixed }) => fixed?.map((one) => `${one.topic}-${one.partition}`))

const issuesOf = (options: object): string[] => {
  try {
    resolveConfig({ ...base, ...options })
  } catch (error) {
    if (error instanceof ConfigError) return error.issues.map(({ path, message }) => `${path}: ${message}`)
    throw error
  }
  return []
}

describe('assign', () => {
  test('gives each slot its share, in a subscription and at the top, and none to members', () => {
    expect(fixedOf(orders)).toEqual([['orders-0', 'orders-2'], ['orders-1']])
    const members = { topics: ['bills'], handler, consumer: { groupId: 'h' } }
    expect(fixedOf({ subscriptions: [orders, members] })).toEqual([
      ['orders-0', 'orders-2'],
      ['orders-1'],
      undefined,
      undefined,
    ])
    expect(fixedOf({ ...orders, workers: 4 })).toEqual([['orders-0'], ['orders-1'], ['orders-2'], []])
  })

  test('deals all partitions in each group that slots of the subscription are in', () => {
    const perSlot = (slot: number) => ({ consumer: { groupId: slot === 2 ? 'h' : 'g' } })
    expect(fixedOf({ ...orders, workers: 3, perSlot })).toEqual([
      ['orders-0', 'orders-2'],
      ['orders-1'],
      ['orders-0', 'orders-1', 'orders-2'],
    ])
  })

  test('leaves to members what the whole pool says of members', () => {
    const members = { topics: ['bills'], handler, consumer: { groupId: 'h' } }
    const consumer = { groupId: 'g', groupInstanceId: 'pod' }
    const { slots } = resolveConfig({ ...base, consumer, assignors: ['range'], subscriptions: [orders, members] })
    expect(slots.map(({ consumer: { groupInstanceId } }) => groupInstanceId)).toEqual([null, null, 'pod-0', 'pod-1'])
  })

  const two = (second: object) => ({ subscriptions: [orders, { handler, ...second }] })

  test.each([
    ['no list', { assign: 'orders:0', handler }, 'assign: expected a list of topics with their partitions'],
    ['no object', { assign: ['orders'], handler }, 'assign[0]: expected a topic with its partitions'],
    [
      'an unknown name',
      { assign: [{ topic: 'a', partition: 1, partitions: [0] }], handler },
      'assign[0].partition: is no part',
    ],
    [
      'a regular expression',
      { assign: [{ topic: /^a/, partitions: [0] }], handler },
      'a regular expression finds topics',
    ],
    [
      'all partitions',
      { assign: [{ topic: 'a', partitions: 'all' }], handler },
      'assign[0].partitions: expected a list',
    ],
    [
      'a number below 0',
      { assign: [{ topic: 'a', partitions: [-1] }], handler },
      'assign[0].partitions[0]: expected the number',
    ],
    [
      'a partition twice',
      { assign: [{ topic: 'a', partitions: [1, 1] }], handler },
      'names partition 1 for the second time',
    ],
    [
      'a topic twice',
      { assign: [1, 2].map((partition) => ({ topic: 'a', partitions: [partition] })), handler },
      'assign[1].topic: names "a" for the second time. Put its partitions into one list',
    ],
    ['topics', { ...orders, topics: ['a'] }, 'topics: stands beside assign'],
    [
      'a range of workers',
      { ...orders, workers: { min: 1, max: 3 } },
      'workers: is a range (1 to 3), but subscriptions[0]',
    ],
    ['rejoin', { ...orders, recovery: 'rejoin' }, 'recovery: "rejoin" has slots that crash join'],
    ['assignors', { ...orders, assignors: ['range'] }, 'assignors: assignors share partitions among the members'],
    [
      'an instance id of its own',
      { subscriptions: [{ ...orders, consumer: { 'group.instance.id': 'pod' } }] },
      'subscriptions[0].consumer["group.instance.id"]: group.instance.id names a member of a group, but',
    ],
    [
      'an instance id',
      { ...orders, consumer: { groupId: 'g', groupInstanceId: 'pod' } },
      'every subscription has fixed',
    ],
    ['no group', { ...orders, consumer: {} }, 'Offsets of fixed partitions (assign) are stored in a group, too'],
    [
      'members in its group',
      two({ topics: ['bills'] }),
      'subscriptions[0].assign: the group "g" has members, those of subscriptions[1]',
    ],
    [
      'a partition of another subscription',
      two({ assign: [{ topic: 'orders', partitions: [1, 5] }] }),
      'subscriptions[1].assign: orders-1 is in subscriptions[0] of the same group "g" already',
    ],
  ])('with %s is refused in words', (_, options, words) => {
    const issues = issuesOf(options)
    expect(issues).toHaveLength(1)
    expect(issues[0]).toContain(words)
  })

  test('takes other partitions of the same topic in another subscription of the group', () => {
    expect(issuesOf(two({ assign: [{ topic: 'orders', partitions: [3] }] }))).toEqual([])
  })
})
