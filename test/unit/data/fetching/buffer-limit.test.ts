import { expect, test } from 'vitest'
import { bufferLimit } from '#src/data/fetching/buffer-limit.js'

test.each([
  [2_048, 16],
  [64, 16],
  [32, 8],
  [16, 4],
])('in a heap of %i MB %i MiB of messages may wait: a quarter, and never more than 16', (heapMb, expected) => {
  expect(bufferLimit(heapMb)).toBe(expected * 2 ** 20)
})

test('without a limit of the heap it is 16 MiB', () => {
  expect(bufferLimit()).toBe(16 * 2 ** 20)
})
