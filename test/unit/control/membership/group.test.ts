import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Group } from '#src/control/membership/group.js'
import type { Seat } from '#src/control/membership/seat.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const fakeSeat = () => {
  const seat = { poke: vi.fn() }
  return { seat: seat as unknown as Seat, poke: seat.poke }
}

test('seats of one group poke their siblings, not themselves', async () => {
  const group = new Group('group', 2)
  const [a, b] = [fakeSeat(), fakeSeat()]
  group.add(a.seat)
  group.add(b.seat)
  group.pokeSiblings(a.seat)
  await vi.advanceTimersByTimeAsync(50)
  expect(a.poke).not.toHaveBeenCalled()
  expect(b.poke).toHaveBeenCalled()
})
