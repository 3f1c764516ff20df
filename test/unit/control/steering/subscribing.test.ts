import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Groups } from '#src/control/groups.js'
import type { Seat } from '#src/control/membership/seat.js'
import { Subscribing } from '#src/control/steering/subscribing.js'
import { closedError } from '#src/kafka/errors.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import { FakeClient } from '../../../support/control/fake-client.js'

/** A pool with two slots for `orders`, and one of the same group for `bills`. */
const world = ({ hasBegun = true } = {}) => {
  const pool = { isStopping: false }
  const deadLetter = { topic: '{topic}.dlq', partition: 'any', breaker: 10, resumeAfterMs: null } as const
  const slots = [
    slotConfig({ slot: 0, deadLetter }),
    slotConfig({ slot: 1, deadLetter }),
    slotConfig({ slot: 2, subscription: 1, topics: ['bills'], patterns: ['/^x-/'] }),
  ]
  const groups = new Groups(slots)
  const rejoined: number[] = []
  const consumed: string[] = []
  for (const slot of slots) {
    const rejoin = () => void rejoined.push(slot.slot)
    groups.of(slot).group.add({ subscription: slot.subscription, rejoin } as unknown as Seat)
  }
  const client = new FakeClient()
  client.topics = async (names) =>
    names.map((topic) => ({ topic, error: null, partitions: [{ partition: 0, leader: 1, leaderEpoch: 0 }] }))
  const consume = (_: unknown, found: readonly { readonly topic: string }[]) =>
    consumed.push(...found.map(({ topic }) => topic))
  const cluster = { client, consume, matchAgain: async () => {} }
  const subscribing = new Subscribing({
    groups,
    slots: () => slots,
    clusterOf: () => cluster,
    hasBegun: () => hasBegun,
    isStopping: () => pool.isStopping,
    log: pino({ level: 'silent' }),
  })
  const topics = () => [...new Set(slots.map((slot) => groups.of(slot).consumed))].map(({ all }) => all)
  return { subscribing, groups, slots, rejoined, consumed, topics, client, pool }
}

test('the members of that subscription join again, with what is new', async () => {
  const { subscribing, rejoined, consumed, topics } = world()
  await subscribing.subscribe(['orders', 'more', /^y-/], { subscription: 0 })
  expect(topics()[0]).toEqual(['orders', 'more'])
  expect([rejoined, consumed]).toEqual([[0, 1], ['more']])
  await subscribing.subscribe('more', { subscription: 0 })
  expect(rejoined).toEqual([0, 1])
  await subscribing.unsubscribe(['more', '/^y-/'], { subscription: 0 })
  expect(topics()[0]).toEqual(['orders'])
  expect(rejoined).toEqual([0, 1, 0, 1])
})

test('before the start nobody is asked, and nobody joins', async () => {
  const { subscribing, rejoined, consumed, topics } = world({ hasBegun: false })
  await subscribing.subscribe('more', { subscription: 1 })
  expect(topics()[1]).toEqual(['bills', 'more'])
  expect([rejoined, consumed]).toEqual([[], []])
})

test('slots that have come join again as those that were there; a group that they have left is kept up to date', async () => {
  const { subscribing, groups, slots, rejoined } = world()
  const come = slotConfig({ slot: 3, subscription: 1, topics: ['bills'] })
  groups.admit([come])
  groups.of(come).group.add({ subscription: 1, rejoin: () => void rejoined.push(3) } as unknown as Seat)
  slots.push(come)
  await subscribing.subscribe('invoices', { subscription: 1 })
  expect(rejoined).toEqual([2, 3])
  slots.splice(2, 2) // nobody is left of it
  await subscribing.unsubscribe('invoices', { subscription: 1 })
  expect(groups.of(come).consumed.all).toEqual(['bills'])
})

test('of two subscriptions that want the same topic at the same time one gets it', async () => {
  const { subscribing, topics } = world()
  const [one, other] = await Promise.allSettled(
    [0, 1].map((subscription) => subscribing.subscribe('more', { subscription })),
  )
  expect(one?.status).toBe('fulfilled')
  expect(other).toMatchObject({ status: 'rejected', reason: { code: 'KCP_CONFIG_INVALID' } })
  expect(topics()).toEqual([['orders', 'more'], ['bills']])
})

test('what is not there changes nothing', async () => {
  const { subscribing, client, topics, rejoined } = world()
  client.topics = async (names) => names.map((topic) => ({ topic, error: 'INVALID_TOPIC_EXCEPTION', partitions: [] }))
  await expect(subscribing.subscribe('more', { subscription: 0 })).rejects.toMatchObject({ code: 'KCP_TOPIC_MISSING' })
  await expect(subscribing.unsubscribe('more', { subscription: 0 })).rejects.toMatchObject({
    code: 'KCP_NOT_SUBSCRIBED',
  })
  expect([topics()[0], rejoined]).toEqual([['orders'], []])
})

test.each([
  ['a client that is closed', async () => Promise.reject(closedError())],
  [
    'an answer',
    async () => [{ topic: 'more', error: null, partitions: [{ partition: 0, leader: 1, leaderEpoch: 0 }] }],
  ],
])('a pool that is stopped meanwhile says so, and changes nothing, after %s', async (_, topics) => {
  const bench = world()
  bench.client.topics = async () => {
    bench.pool.isStopping = true
    return topics()
  }
  await expect(bench.subscribing.subscribe('more', { subscription: 0 })).rejects.toMatchObject({
    code: 'KCP_POOL_STOPPED',
    message: expect.stringContaining('Create a new ConsumerPool'),
  })
  expect([bench.topics()[0], bench.rejoined]).toEqual([['orders'], []])
})

test.each<[string, unknown, string]>([
  ['another subscription names', 'bills', 'is in subscriptions[1] of the same group already'],
  ['gets the dead letters', 'orders.dlq', 'which the same handler would consume'],
  ['no broker allows', 'a/b', 'expected the name of a topic'],
  ['has a blank', 'a b', 'topics[0]: expected the name of a topic (1 to 249 characters of A-Z a-z 0-9 . _ -, neither'],
  ['is too long', 'a'.repeat(250), 'topics[0]: expected the name of a topic'],
  ['is a place', '..', "got '..' (string)"],
  ['is none', 7, 'expected a list of at least one topic, got 7'],
  ['is no regular expression', '/(/', 'is no regular expression'],
])('a topic that %s is refused', async (_, topic, message) => {
  const { subscribing } = world()
  await expect(subscribing.subscribe(topic as string, { subscription: 0 })).rejects.toMatchObject({
    code: 'KCP_CONFIG_INVALID',
    message: expect.stringContaining(message),
  })
})

test('which subscription is meant has to be said where there are several', async () => {
  const { subscribing } = world()
  await expect(subscribing.subscribe('more', {})).rejects.toThrow('the pool has 2 subscriptions: say which one')
  await expect(subscribing.subscribe('more', { subscription: 2 })).rejects.toThrow('from 0 to 1, got 2')
})
