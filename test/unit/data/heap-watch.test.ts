import { getHeapStatistics } from 'node:v8'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { fillOf, type Heap, HeapWatch, ownHeap } from '#src/data/heap-watch.js'
import { Control, Ledger } from '#src/protocol/ledger.js'

describe('a heap', () => {
  test.each([
    ['is fine however much garbage there is', { used: 0.94, kept: 0.5, before: 'fine' }, 'fine'],
    ['is fine as long as nobody knows what of it is garbage', { used: 0.94, kept: null, before: 'fine' }, 'fine'],
    ['is full with what a collection has left', { used: 0.9, kept: 0.85, before: 'fine' }, 'full'],
    ['is full until a collection leaves less', { used: 0.3, kept: 0.86, before: 'full' }, 'full'],
    ['is brimful although nobody knows what of it is garbage', { used: 0.95, kept: null, before: 'fine' }, 'brimful'],
    ['stays brimful until there is room again', { used: 0.92, kept: 0.8, before: 'brimful' }, 'brimful'],
    ['is brimful no longer when there is', { used: 0.89, kept: 0.8, before: 'brimful' }, 'fine'],
  ] as const)('%s', (_sentence, filling, expected) => {
    expect(fillOf(filling)).toBe(expected)
  })

  test('is that of this thread', () => {
    const heap = ownHeap(700)
    expect(heap.limit).toBeLessThanOrEqual(700 * 2 ** 20)
    // No differences: garbage of other tests may go meanwhile.
    const kept = Array.from({ length: 64 }, () => new Array(131_072).fill(0.5))
    const buffer = Buffer.alloc(32 * 2 ** 20)
    expect(heap.used()).toBeGreaterThan(64 * 2 ** 20)
    expect(heap.used()).toBeLessThanOrEqual(getHeapStatistics().used_heap_size)
    expect(heap.external()).toBeGreaterThanOrEqual(buffer.length)
    expect(kept).toHaveLength(64)
  })

  test('says when it was collected as a whole, and no more when nobody wants to know', async () => {
    const collected = vi.fn()
    const stop = ownHeap().onCollected(collected)
    const kept: unknown[] = []
    await vi.waitFor(
      () => {
        for (let n = 0; n < 200; n++) kept.push(Array.from({ length: 10_000 }, (_, index) => ({ index })))
        if (kept.length > 400) kept.splice(0)
        expect(collected).toHaveBeenCalled()
      },
      { timeout: 20_000, interval: 1 },
    )
    stop()
  })
})

const watching = () => {
  const ledger = Ledger.create(1)
  const world = { used: 0.1, nowMs: 0, external: 5_000 }
  let collected: (() => void) | null = null
  const heap: Heap = {
    limit: 100 * 2 ** 20,
    used: () => world.used * 100 * 2 ** 20,
    external: () => world.external * 1_024,
    onCollected: (callback) => {
      collected = callback
      return () => {
        collected = null
      }
    },
  }
  const said: string[] = []
  const watch = new HeapWatch({
    ledger,
    heap,
    now: () => world.nowMs,
    onFull: () => void said.push(ledger.heapFill),
    onReopen: () => void said.push('reopened'),
  })
  const at = (used: number, laterMs = 10) => {
    world.used = used
    world.nowMs += laterMs
    watch.look(world.nowMs)
  }
  const collect = (left: number) => {
    world.used = left
    collected?.()
  }
  return { ledger, watch, world, said, at, collect, isObserved: () => collected !== null }
}

describe('the watch of a heap', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  test('notes what the thread takes at its begin, and once a second, also while nothing is handled', async () => {
    const { ledger, watch, world, at } = watching()
    expect(ledger.memory).toEqual({ heapUsed: 0.1 * 100 * 2 ** 20, heapLimit: 100 * 2 ** 20, external: 5_000 * 1_024 })
    at(0.2)
    expect(ledger.memory?.heapUsed).toBe(0.1 * 100 * 2 ** 20)
    world.nowMs += 1_000
    await vi.advanceTimersByTimeAsync(1_000)
    expect(ledger.memory?.heapUsed).toBe(0.2 * 100 * 2 ** 20)
    watch.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('watches collections while there is much, and only then', () => {
    const { watch, at, isObserved } = watching()
    at(0.69)
    expect(isObserved()).toBe(false)
    at(0.7)
    expect(isObserved()).toBe(true)
    expect(watch.isClose).toBe(true)
    at(0.61)
    expect(isObserved()).toBe(true)
    at(0.59)
    expect(isObserved()).toBe(false)
    at(0.8)
    watch.close()
    expect(isObserved()).toBe(false)
  })

  test('says once that it is full, at once, with what a collection has left', () => {
    const { ledger, said, at, collect } = watching()
    at(0.9)
    collect(0.84)
    expect(said).toEqual([])
    at(0.93)
    collect(0.86)
    at(0.9)
    collect(0.87)
    expect(said).toEqual(['full'])
    expect(ledger.control).toBe(0)
    collect(0.7)
    expect(ledger.heapFill).toBe('fine')
  })

  test('lets no message begin in a heap that is brimful, until there is room', () => {
    const { ledger, said, at } = watching()
    ledger.countFinished()
    at(0.95)
    expect(ledger.control).toBe(Control.brimful)
    expect(said).toEqual(['brimful'])
    at(0.91)
    expect(ledger.control).toBe(Control.brimful)
    at(0.8)
    expect(ledger.control).toBe(0)
    expect(said).toEqual(['brimful', 'reopened'])
  })

  test('lets the first message begin all the same: a replacement would be as full', () => {
    const { ledger, said, at } = watching()
    at(0.96)
    expect(said).toEqual(['brimful'])
    expect(ledger.control).toBe(0)
    ledger.countFinished()
    at(0.96)
    expect(ledger.control).toBe(Control.brimful)
  })

  test('looks more often when there is more', () => {
    const { world, at, said, watch } = watching()
    at(0.4)
    at(0.99, 9)
    expect(said).toEqual([])
    world.nowMs += 1
    watch.look(world.nowMs)
    expect(said).toEqual(['brimful'])
    at(0.5, 1)
    expect(said).toEqual(['brimful', 'reopened'])
  })
})
