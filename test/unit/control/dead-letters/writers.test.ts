import { expect, test } from 'vitest'
import { writerFor } from '#src/control/dead-letters/writers.js'

const busy = (about: Readonly<Record<string, number>>) => new Map(Object.entries(about))

test.each([
  ['the first one for the first request', [], 0],
  ['whoever is idle', [{ a: 1 }, {}], 1],
  ['one more where nobody is', [{ a: 1 }, { b: 1 }], 2],
  ['whoever has others about the same under way, though somebody is idle', [{ a: 1 }, { x: 7 }, {}], 1],
  ['whoever has the fewest where there are enough', [{ a: 2 }, { b: 1, c: 1 }, { d: 1 }, { e: 3 }], 2],
] as const)('a request goes to %s', (_, writers, index) => {
  expect(writerFor('x', writers.map(busy))).toBe(index)
})
