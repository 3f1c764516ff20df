import { expect, it } from 'vitest'
import { formatCount, formatRate } from '#src/cli/numbers.js'

it.each([
  [0, '0'],
  [999, '999'],
  [1_234_567, '1,234,567'],
  ['9007199254740993', '9,007,199,254,740,993'],
])('a count of %s is shown as %s', (count, text) => {
  expect(formatCount(count)).toBe(text)
})

it.each([
  [0, '0'],
  [0.42, '0.4'],
  [9.94, '9.9'],
  [9.96, '10'],
  [12_345.6, '12,346'],
])('a rate of %s per second is shown as %s', (rate, text) => {
  expect(formatRate(rate)).toBe(text)
})
