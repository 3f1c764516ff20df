import fc from 'fast-check'
import { expect, test } from 'vitest'
import { spread } from '#src/config/fixed-partitions.js'
import { configure, resolveConfig } from '#src/config/resolve.js'
import { PoolError } from '#src/errors.js'

const handler = 'file:///handler.mjs'
const kafka = { brokers: ['127.0.0.1:9092'] }
const consumer = { groupId: 'audit' }
const orders = { topic: 'orders', partitions: [2, 0, 1] }
const base = { kafka, consumer, handler, workers: 2 }

const faults = (options: object): string => {
  try {
    resolveConfig(options)
  } catch (error) {
    if (error instanceof PoolError && error.code === 'KCP_CONFIG_INVALID') return error.message
    throw error
  }
  return ''
}

const numbersOf = (options: object) =>
  resolveConfig(options).slots.map(({ fixed }) => fixed?.map(({ topic, partition }) => `${topic}-${partition}`))

test('are dealt to the slots of their subscription by number', () => {
  expect(numbersOf({ ...base, assign: [orders] })).toEqual([['orders-0', 'orders-2'], ['orders-1']])
  const bills = { topic: 'bills', partitions: [5] }
  expect(numbersOf({ ...base, assign: [orders, bills], workers: 5 })).toEqual([
    ['bills-5'],
    ['orders-0'],
    ['orders-1'],
    ['orders-2'],
    [],
  ])
})

test('each goes to one slot, in whatever order they are written down, and no slot has two more than another', () => {
  const partition = fc.record({ topic: fc.constantFrom('a', 'b', 'c'), partition: fc.nat(20) })
  const key = (each: { topic: string; partition: number }) => `${each.topic}-${each.partition}`
  fc.assert(
    fc.property(fc.uniqueArray(partition, { selector: key }), fc.integer({ min: 1, max: 8 }), (partitions, slots) => {
      const shares = spread(partitions, slots)
      expect(shares.flat().map(key).sort()).toEqual(partitions.map(key).sort())
      expect(spread([...partitions].reverse(), slots)).toEqual(shares)
      const sizes = shares.map(({ length }) => length)
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
    }),
  )
})

test('may stand beside subscriptions whose group shares the same topic, and have no instance id of these', () => {
  const { slots } = resolveConfig({
    kafka,
    consumer: { groupId: 'orders', 'group.instance.id': 'here' },
    workers: 1,
    subscriptions: [
      { topics: ['orders'], handler },
      { assign: [orders], handler, consumer },
    ],
  })
  expect(slots.map(({ fixed, consumer: own }) => [fixed?.length, own.groupInstanceId])).toEqual([
    [undefined, 'here'],
    [3, null],
  ])
})

const twice = (more: object) => ({
  ...{ kafka, consumer, workers: 1 },
  subscriptions: [
    { assign: [{ topic: 'orders', partitions: [0, 1] }], handler },
    { handler, ...more },
  ],
})

test.each<[string, object, RegExp]>([
  ['topics beside them', { ...base, topics: ['orders'], assign: [orders] }, /topics: stands beside assign/],
  ['nothing', { ...base, assign: [] }, /assign: expected a list of topics with their partitions \(assign: \[\{ topic/],
  [
    'a name alone',
    { ...base, assign: ['orders'] },
    /assign\[0\]: expected a topic with its partitions .*, got 'orders' \(string\)/,
  ],
  [
    'a regular expression',
    { ...base, assign: [{ topic: '/^orders/', partitions: [0] }] },
    /assign\[0\]\.topic: .*a regular expression finds topics, and here each partition is named/,
  ],
  ['no partitions', { ...base, assign: [{ topic: 'orders' }] }, /assign\[0\]\.partitions: expected a list/],
  ['no number', { ...base, assign: [{ topic: 'orders', partitions: ['0'] }] }, /partitions\[0\]: expected the number/],
  ['a number below 0', { ...base, assign: [{ topic: 'orders', partitions: [-1] }] }, /from 0 on, got -1/],
  [
    'a partition twice',
    { ...base, assign: [{ topic: 'orders', partitions: [1, 1] }] },
    /names partition 1 for the second/,
  ],
  ['a topic twice', { ...base, assign: [orders, orders] }, /assign\[1\]\.topic: names "orders" for the second time/],
  [
    'a slip of the pen',
    { ...base, assign: [{ ...orders, partition: 1 }] },
    /assign\[0\]\.partition: is no part of assign/,
  ],
  ['no group', { kafka, handler, assign: [orders] }, /consumer\.groupId: .*Offsets of fixed partitions \(assign\)/],
  [
    'an instance id',
    { ...base, assign: [orders], consumer: { ...consumer, 'group.instance.id': 'me' } },
    /group\.instance\.id.*names a member of a group, but every subscription has fixed partitions/,
  ],
  ['assignors', { ...base, assign: [orders], assignors: ['range'] }, /assignors: assignors share partitions/],
  ['recovery as a new member', { ...base, assign: [orders], recovery: 'rejoin' }, /recovery: "rejoin" has slots/],
  [
    'workers that come and go',
    { ...base, assign: [orders], workers: { min: 1, max: 2 } },
    /workers: is a range \(1 to 2\)/,
  ],
  [
    'the same partition twice in a group',
    twice({ assign: [{ topic: 'orders', partitions: [1] }] }),
    /orders-1 is in subscriptions\[0\]/,
  ],
  ['members in their group', twice({ topics: ['bills'] }), /subscriptions\[0\]\.assign: the group "audit" has members/],
])('are refused with %s', (_, options, message) => {
  expect(faults(options)).toMatch(message)
})

test('of one topic may be in two subscriptions of a group when they are others', () => {
  expect(configure(twice({ assign: [{ topic: 'orders', partitions: [2] }] }))).toBeDefined()
})
