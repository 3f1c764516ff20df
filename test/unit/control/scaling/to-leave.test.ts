import { expect, test } from 'vitest'
import { toLeave } from '#src/control/scaling/slot-set.js'

const slots = (...states: readonly ('running' | 'parked' | 'restarting')[]) =>
  states.map((state, number) => ({ number, state }))

const numbers = (...[present, staying]: Parameters<typeof toLeave<ReturnType<typeof slots>[number]>>) =>
  toLeave(present, staying).map(({ number }) => number)

test('the highest numbers go', () => {
  expect(numbers(slots('running', 'restarting', 'running', 'running'), 2)).toEqual([2, 3])
})

test('parked slots go before those that work', () => {
  const present = slots('parked', 'parked', 'running', 'running')
  expect(numbers(present, 2)).toEqual([0, 1])
  expect(numbers(present, 3)).toEqual([1])
  expect(numbers(present, 1)).toEqual([3, 0, 1])
})
