import { expect, test } from 'vitest'
import { SEAT_TRANSITIONS } from '#src/control/membership/seat-states.js'
import { POOL_TRANSITIONS } from '#src/control/pool-states.js'
import { SLOT_TRANSITIONS } from '#src/control/slot-states.js'
import { HANDLING_TRANSITIONS } from '#src/data/handling/handling-states.js'
import { mayEnter, type Transitions } from '#src/util/transitions.js'

test.each<[string, Transitions<string>]>([
  ['pool', POOL_TRANSITIONS],
  ['slot', SLOT_TRANSITIONS],
  ['seat', SEAT_TRANSITIONS],
  ['handling of a partition', HANDLING_TRANSITIONS],
])('a %s can come to every state of its table, and to no other', (_, table) => {
  const states = Object.keys(table)
  const reached = new Set(states.slice(0, 1))
  for (const from of reached) for (const to of table[from] ?? []) reached.add(to)
  expect([...reached].sort()).toEqual(states.sort())
})

test('a step is allowed when the table has it, in that direction', () => {
  const table: Transitions<'open' | 'closed'> = { open: ['closed'], closed: [] }
  expect(mayEnter(table, 'open', 'closed')).toBe(true)
  expect(mayEnter(table, 'closed', 'open')).toBe(false)
  expect(mayEnter(table, 'open', 'open')).toBe(false)
})
