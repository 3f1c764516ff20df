import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { SlotConfig } from '#src/config/resolved.js'
import { assignors } from '#src/control/membership/assignors/index.js'
import { surplusWarning } from '#src/control/surplus-slots.js'
import { consumerConfig, eager, slotConfig } from '../../support/config/slot-config.js'

const topic = (name: string, count: number) => ({
  topic: name,
  error: null,
  partitions: Array.from({ length: count }, (_, partition) => ({ partition, leader: 1 })),
})
const found = [topic('orders', 3), topic('bills', 1)]
const slots = (subscription: number, count: number, topics: string[], more: Partial<SlotConfig> = {}) =>
  Array.from({ length: count }, (_, n) => slotConfig({ slot: subscription * 10 + n, subscription, topics, ...more }))
const range: Partial<SlotConfig> = { assignors: ['range', 'roundrobin'] }

test.each([
  ['for one topic', slots(0, 3, ['orders'])],
  ['for the partitions of two topics', slots(0, 4, ['orders', 'bills'])],
  ['for each of two subscriptions', [...slots(0, 3, ['orders']), ...slots(1, 1, ['bills'])]],
  ['for one topic of range', slots(0, 3, ['orders'], range)],
  ['for the larger topic of range', slots(0, 3, ['orders', 'bills'], range)],
])('as many workers as partitions %s are nothing to speak of', (_, enough) => {
  expect(surplusWarning(enough, found)).toBeNull()
})

test('more workers than partitions are told once for all subscriptions, with what to do', () => {
  const many = [
    ...slots(0, 4, ['orders']),
    ...slots(1, 1, ['bills']),
    ...slots(2, 3, ['bills'], { consumer: consumerConfig({ groupId: 'other' }) }),
  ]
  expect(surplusWarning(many, found)).toBe(
    '4 workers share 3 partitions of "orders": 1 of them stays idle; 3 workers share 1 partition of "bills": 2 of them stay idle. Lower workers, or add partitions',
  )
})

test('the partitions of two topics are no sum where range begins with the same workers at each', () => {
  expect(surplusWarning(slots(0, 4, ['orders', 'bills'], range), found)).toBe(
    '4 workers share 4 partitions of "orders", "bills": 1 of them stays idle, because range begins with the same workers at each topic (roundrobin does not). Lower workers, or add partitions',
  )
})

test('the assignor is the one that all slots of the group have', () => {
  const mixed = [...slots(0, 4, ['orders', 'bills'], range), ...slots(1, 1, ['zones'])]
  expect(surplusWarning(mixed, [...found, topic('zones', 1)])).toBeNull()
})

test('roundrobin may leave a worker idle although there are as many partitions: the topics of others stand between', () => {
  const mixed = [...slots(0, 4, ['orders', 'bills'], eager), ...slots(1, 1, ['carts'], eager)]
  expect(surplusWarning(mixed, [...found, topic('carts', 1)])).toBe(
    '4 workers share 4 partitions of "orders", "bills": 1 of them stays idle, because roundrobin deals the topics of all subscriptions of the group in turn. Lower workers, or add partitions',
  )
})

test('a thousand workers and ten thousand partitions of cooperative-sticky do not keep the main thread', () => {
  const many = slots(0, 1_000, ['orders'])
  const startMs = performance.now()
  expect(surplusWarning(many, [topic('orders', 10_000)])).toBeNull()
  expect(performance.now() - startMs).toBeLessThan(1_000)
})

test('what is said of cooperative-sticky is what it does', () => {
  const sizes = fc.record({ workers: fc.integer({ min: 1, max: 6 }), orders: fc.nat(4), bills: fc.nat(4) })
  fc.assert(
    fc.property(fc.array(sizes, { minLength: 1, maxLength: 3 }), (subscriptions) => {
      const all = subscriptions.flatMap(({ orders, bills }, n) => [
        topic(`orders-${n}`, orders),
        topic(`bills-${n}`, bills),
      ])
      const group = subscriptions.flatMap(({ workers }, n) => slots(n, workers, [`orders-${n}`, `bills-${n}`]))
      const members = group.map(({ slot, topics }) => ({ memberId: String(slot), instanceId: null, topics }))
      const counts = new Map(all.map(({ topic: name, partitions }) => [name, partitions.length]))
      const idle = [...assignors['cooperative-sticky'].assign(members, counts).values()].filter(
        (partitions) => partitions.length === 0,
      )
      const told = surplusWarning(group, all)?.matchAll(/(\d+) of them/g) ?? []
      expect([...told].reduce((sum, [, count]) => sum + Number(count), 0)).toBe(idle.length)
    }),
  )
})

test('workers that get none of the fixed partitions are told, with what to do', () => {
  const fixed = [[0], [2], [], []].map((numbers, slot) =>
    slotConfig({ slot, topics: ['orders'], fixed: numbers.map((partition) => ({ topic: 'orders', partition })) }),
  )
  expect(surplusWarning(fixed.slice(0, 2), found)).toBeNull()
  expect(surplusWarning(fixed, found)).toBe(
    '4 workers share 2 fixed partitions of "orders": 2 of them stay idle. Lower workers, or assign more or add partitions',
  )
})
