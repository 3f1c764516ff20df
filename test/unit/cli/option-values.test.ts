import { expect, test } from 'vitest'
import { assigned, list, topics } from '#src/cli/option-values.js'

test('topics stand between commas, but a regular expression may have some in it, and stands alone', () => {
  expect(topics('/^a{1,2}$/', topics('a, b', undefined))).toEqual(['a', 'b', '/^a{1,2}$/'])
  expect(() => topics('a,,b', undefined)).toThrow('several between commas')
  expect(list('a,b', ['c'])).toEqual(['c', 'a', 'b'])
})

test('fixed partitions are numbers and ranges of a topic, given as often as one likes', () => {
  const first = assigned('orders:0,2..4', undefined)
  expect(first).toEqual([{ topic: 'orders', partitions: [0, 2, 3, 4] }])
  expect(assigned('orders:7', assigned('bills:1', first))).toEqual([
    { topic: 'orders', partitions: [0, 2, 3, 4, 7] },
    { topic: 'bills', partitions: [1] },
  ])
  for (const wrong of ['orders', 'orders:', ':1', 'orders:a', 'orders:3..1', 'orders:-1', 'a:1:2']) {
    expect(() => assigned(wrong, undefined)).toThrow('Expected a topic with numbers of partitions')
  }
})
