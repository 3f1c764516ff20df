import { describe, expect, test } from 'vitest'
import { configure, resolveConfig } from '#src/config/resolve.js'
import { ConfigError } from '#src/errors.js'

const one = () => ({ topics: ['t'], handler: './h.js' })
const base = { kafka: { brokers: ['a:1'] }, consumer: { groupId: 'g', groupInstanceId: 'pod' }, ...one() }

const issuesOf = (make: () => unknown) => {
  try {
    make()
  } catch (error) {
    if (error instanceof ConfigError) return error.issues
  }
  return []
}

const idsOf = (slots: readonly { readonly consumer: { readonly groupInstanceId: string | null } }[]) =>
  slots.map(({ consumer }) => consumer.groupInstanceId)

describe('workers: { min, max }', () => {
  test('has a configuration for as many slots as there may be, and every one has its number in its id', () => {
    const { workers, slots } = resolveConfig({ ...base, workers: { min: 1, max: 3 } })
    expect(workers).toEqual([{ min: 1, max: 3 }])
    expect(idsOf(slots)).toEqual(['pod-0', 'pod-1', 'pod-2'])
  })

  test('is one for each subscription that has no number of its own', () => {
    const subscriptions = [one(), { topics: ['u'], handler: './h.js', workers: 2 }]
    const { consumer, kafka } = base
    const { workers, slots } = resolveConfig({ consumer, kafka, subscriptions, workers: { min: 1, max: 2 } })
    expect(workers).toEqual([
      { min: 1, max: 2 },
      { min: 2, max: 2 },
    ])
    expect(slots.map(({ subscription }) => subscription)).toEqual([0, 0, 1, 1])
  })

  test('shares the memory among as many as there may be', () => {
    const heapOf = (workers: unknown) => {
      const { pool } = resolveConfig({ ...base, workers }, { memoryBytes: 4 * 2 ** 30 })
      return pool.resourceLimits.maxOldGenerationSizeMb
    }
    expect(heapOf({ min: 1, max: 8 })).toBe(heapOf(8))
  })

  test.each<[unknown, string, string]>([
    ['2..8', 'workers', 'expected a whole number from 1 to 1024, or { min, max }, got'],
    [{ min: 0, max: 2 }, 'workers.min', 'expected a whole number from 1 to 1024, got 0'],
    [{ min: 1 }, 'workers.max', 'expected a whole number from 1 to 1024, got undefined'],
    [{ min: 3, max: 2 }, 'workers', 'min (3) must not be above max (2)'],
    [{ min: 1, max: 2, most: 3 }, 'workers.most', 'unknown name'],
  ])('%o is refused', (workers, path, message) => {
    expect(issuesOf(() => resolveConfig({ ...base, workers }))).toEqual([
      { path, message: expect.stringContaining(message) },
    ])
  })
})

describe('a slot that nobody has foreseen', () => {
  test('gets what a configuration with one more would have given it, also when the options were changed since', () => {
    const options = { ...base, workers: 2, concurrency: 3 }
    const { more } = configure(options)
    options.concurrency = 5
    const [, , third, fourth] = resolveConfig({ ...base, workers: 4, concurrency: 3 }).slots
    expect(more([2], 0)).toEqual([third])
    expect(more([3], 0)).toEqual([fourth])
  })

  test('is the same when several come at once, each of which counts for perSlot once, and none is known when one cannot be', () => {
    const asked: number[] = []
    let isBad = false
    const perSlot = (slot: number) => {
      asked.push(slot)
      return isBad && slot === 9 ? { concurrency: 0 } : { concurrency: slot + 1 }
    }
    const options = { ...base, workers: 2, perSlot, deadLetter: true }
    const { more } = configure(options)
    isBad = true
    expect(() => more([2, 9], 0)).toThrow('perSlot(9).concurrency')
    isBad = false
    asked.length = 0
    const numbers = Array.from({ length: 62 }, (_, n) => n + 2)
    expect(more(numbers, 0)).toEqual(
      resolveConfig({ ...options, perSlot: (slot: number) => ({ concurrency: slot + 1 }), workers: 64 }).slots.slice(2),
    )
    expect(asked).toEqual(numbers)
  })

  test('does not change the id of one that was alone', () => {
    const { config, more } = configure({ ...base, workers: 1 })
    const second = more([1], 0)
    expect(idsOf([...config.slots, ...second])).toEqual(['pod', 'pod-1'])
  })

  test('is asked of perSlot, and what that has against it is told', () => {
    const perSlot = (slot: number) => ({ concurrency: slot === 3 ? 0 : slot + 1 })
    const { more } = configure({ ...base, workers: 2, perSlot })
    expect(more([2], 0)[0]?.concurrency).toBe(3)
    expect(issuesOf(() => more([3], 0))).toEqual([{ path: 'perSlot(3).concurrency', message: expect.any(String) }])
  })

  test('is refused when it would fence another one', () => {
    const perSlot = () => ({ consumer: { groupInstanceId: 'mine' } })
    const { more } = configure({ ...base, workers: 1, perSlot })
    expect(issuesOf(() => more([1], 0))).toEqual([
      { path: 'perSlot(1).consumer.groupInstanceId', message: expect.stringContaining('fence each other') },
    ])
  })

  test('has the heap of the others, whatever its share would have been', () => {
    const machine = { memoryBytes: 2 ** 30 }
    const { config, more } = configure({ ...base, workers: 1 }, machine)
    expect(more([1], 0)[0]?.consumer.maxDecompressedBytes).toBe(config.slots[0]?.consumer.maxDecompressedBytes)
  })
})
