import { expect, test } from 'vitest'
import { list, topics } from '#src/cli/option-values.js'

test('topics stand between commas, but a regular expression may have some in it, and stands alone', () => {
  expect(topics('/^a{1,2}$/', topics('a, b', undefined))).toEqual(['a', 'b', '/^a{1,2}$/'])
  expect(() => topics('a,,b', undefined)).toThrow('several between commas')
  expect(list('a,b', ['c'])).toEqual(['c', 'a', 'b'])
})
