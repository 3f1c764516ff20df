import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Writers, writerFor } from '#src/control/dead-letters/writers.js'
import { FakeWriter } from '../../../support/control/fake-writer.js'

const NOW_MS = 60_000

/** @param oldestMs for how long its oldest request has been under way */
const busy = (about: Readonly<Record<string, number>>, oldestMs = 0) =>
  new Set(
    Object.entries(about)
      .flatMap(([name, count]) => Array<string>(count).fill(name))
      .map((name, index) => ({ about: name, sinceMs: index === 0 ? NOW_MS - oldestMs : NOW_MS })),
  )

test.each([
  ['the first one for the first request', [], 0],
  ['whoever is idle', [busy({ a: 1 }), busy({})], 1],
  ['one more where nobody is', [busy({ a: 1 }), busy({ b: 1 })], 2],
  [
    'whoever has others about the same under way, though somebody is idle, and that takes long',
    [busy({ a: 1 }), busy({ x: 7 }, 5_000), busy({})],
    1,
  ],
  [
    'whoever has the fewest where there are enough',
    [busy({ a: 2 }), busy({ b: 1, c: 1 }), busy({ d: 1 }), busy({ e: 3 })],
    2,
  ],
  [
    'none whose oldest request takes long, though it has the fewest',
    [busy({ a: 1 }, 1_001), busy({ b: 3 }), busy({ c: 2 }, 1_000), busy({ d: 2 })],
    2,
  ],
  [
    'whoever has the fewest where they all take long',
    [busy({ a: 2 }, 2_000), busy({ b: 3 }, 2_000), busy({ c: 1 }, 2_000), busy({ d: 2 }, 2_000)],
    2,
  ],
])('a request goes to %s', (_, writers, index) => {
  expect(writerFor('x', writers, NOW_MS)).toBe(index)
})

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('a partition that is slow holds none up that comes later, however busy the other writers are', async () => {
  const clients: FakeWriter[] = []
  const writers = new Writers(() => {
    const client = new FakeWriter()
    clients.push(client)
    return client
  })
  const answers: (() => void)[] = []
  /** Resolves with who takes it; it is answered when the test says so. */
  const ask = (about: string) =>
    new Promise<number>((resolve) => {
      void writers.use(about, (client) => {
        resolve(clients.indexOf(client as FakeWriter))
        return new Promise<void>((answer) => answers.push(answer))
      })
    })
  expect(await ask('slow')).toBe(0)
  await vi.advanceTimersByTimeAsync(900)
  expect([await ask('a'), await ask('b'), await ask('c')]).toEqual([1, 2, 3])
  await vi.advanceTimersByTimeAsync(101)
  expect(await ask('d')).toBe(1)
  expect(await ask('slow')).toBe(0)

  answers[0]?.()
  await vi.advanceTimersByTimeAsync(0)
  expect(await ask('e')).toBe(0)
})
