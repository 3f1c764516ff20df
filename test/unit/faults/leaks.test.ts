import { expect, test } from 'vitest'
import { takeInventory } from '#scripts/support/inventory.js'
import { growth } from '../../faults/world/leaks.js'

test('what a process has in the end is compared with what it had, and a little more is no leak', () => {
  const before = takeInventory()
  expect(growth(before, before)).toEqual([])
  expect(growth(before, { ...before, threads: before.threads + 1, rss: before.rss + (1 << 20) })).toEqual([])
  expect(growth(before, { ...before, threads: before.threads + 30 })).toEqual([
    `threads ${before.threads} → ${before.threads + 30}`,
  ])
  expect(growth(before, { ...before, heap: before.heap + (64 << 20), listeners: before.listeners + 9 })).toHaveLength(2)
})
