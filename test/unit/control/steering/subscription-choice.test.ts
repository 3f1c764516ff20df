import { expect, test } from 'vitest'
import { subscriptionOf } from '#src/control/steering/subscription-choice.js'

test.each([
  [undefined, undefined],
  [{}, undefined],
  [{ subscription: undefined }, undefined],
  [{ subscription: 2 }, 2],
])('%o means the subscription %o', (choice, index) => {
  expect(subscriptionOf(choice)).toBe(index)
})

test.each<[unknown, string]>([
  [null, 'got null'],
  [1, 'got 1 (number)'],
  ['orders', "got 'orders' (string)"],
  [{ subscriptions: 1 }, 'got { subscriptions: 1 } (object)'],
  [{ subscription: '0' }, "got subscription: '0' (string)"],
  [{ subscription: -1 }, 'got subscription: -1 (number)'],
  [{ subscription: null }, 'got subscription: null'],
])('%o is no choice of a subscription', (choice, words) => {
  expect(() => subscriptionOf(choice)).toThrow(TypeError)
  expect(() => subscriptionOf(choice)).toThrow(words)
})
