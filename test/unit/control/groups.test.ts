import { expect, test } from 'vitest'
import { Groups } from '#src/control/groups.js'
import { ErrorCode } from '#src/errors.js'
import { slotConfig } from '../../support/config/slot-config.js'

const [first, second, third] = [0, 1, 2].map((slot) => slotConfig({ slot })) as [
  ReturnType<typeof slotConfig>,
  ReturnType<typeof slotConfig>,
  ReturnType<typeof slotConfig>,
]

test('a slot that comes has what the others of its group have', () => {
  const groups = new Groups([first])
  groups.admit([second, third])
  expect(groups.of(second)).toBe(groups.of(first))
  groups.admit([second]) // again
  expect(groups.of(second)).toBe(groups.of(first))
})

test('a slot that comes consumes what its subscription does by then, also where that was in no slot before', () => {
  const other = slotConfig({ slot: 1, subscription: 1, topics: ['bills'], consumer: { groupId: 'other' } })
  const [foreseen, moved] = [slotConfig({ slot: 2 }), slotConfig({ slot: 3, subscription: 1, topics: ['bills'] })]
  const groups = new Groups([first, other])
  groups.of(first).consumed.add({ topics: ['later'], patterns: ['/^x-/'] })
  for (const { consumed } of groups.placesOf(1)) consumed.add({ topics: ['invoices'], patterns: [] })
  groups.admit([foreseen, moved])
  expect(groups.of(foreseen).consumed).toBe(groups.of(first).consumed)
  expect(groups.of(moved).consumed.all).toEqual(['bills', 'invoices'])
  expect(groups.of(first).groupTopics.all).toEqual(new Set(['orders', 'later', 'bills', 'invoices']))
  expect(groups.topicsOf(1)).toEqual(['bills', 'invoices'])
  expect(['later', 'x-1', 'invoices', 'else'].map((topic) => groups.includes(topic))).toEqual([true, true, true, false])
})

test('a slot that would share a topic of its new group with another subscription is refused', () => {
  const other = slotConfig({ slot: 1, subscription: 1, topics: ['bills'], consumer: { groupId: 'other' } })
  const groups = new Groups([first, other])
  groups.of(first).consumed.add({ topics: ['bills'], patterns: [] })
  expect(() => groups.admit([slotConfig({ slot: 2, subscription: 1, topics: ['bills'] })])).toThrow(
    expect.objectContaining({ code: ErrorCode.notScaled, slot: 2, topic: 'bills' }),
  )
})

test('a slot that would come with a group of its own is refused, by its number and its group', () => {
  const stranger = slotConfig({ slot: 1, consumer: { groupId: 'other' } })
  expect(() => new Groups([first]).admit([stranger])).toThrow(
    expect.objectContaining({ code: ErrorCode.notScaled, slot: 1, groupId: 'other' }),
  )
})

test('the last slot of a subscription in a group is not let go, and named; others are', () => {
  const stranger = slotConfig({ slot: 2, consumer: { groupId: 'other' } })
  const groups = new Groups([first, second, stranger])
  expect(() => groups.release([second, stranger], [first])).toThrow(
    expect.objectContaining({ code: ErrorCode.notScaled, slot: 2, groupId: 'other' }),
  )
  groups.release([second], [first])
})

test('slots that come together wait for each other before they join, and not for those that are there', async () => {
  const groups = new Groups([first])
  groups.admit([second, third])
  groups.grow([second, third])
  const { barrier } = groups.of(first).group
  let isOpen = false
  const arrived = barrier.arrive().then(() => {
    isOpen = true
  })
  await Promise.resolve()
  expect(isOpen).toBe(false)
  void barrier.arrive()
  await arrived
})

test('when the pool stops, nobody waits for slots that were removed, and everybody for those that were added', async () => {
  const groups = new Groups([first, second])
  groups.shrink([second])
  groups.admit([third])
  groups.grow([third])
  const { departure } = groups.of(first).group
  departure.begin(3_000, 0)
  const gone: number[] = []
  void departure.done(true).then(() => gone.push(0))
  await Promise.resolve()
  expect(gone).toEqual([])
  await departure.done(true)
  expect(gone).toEqual([0])
})

test('what was stored of topics that are consumed no more is forgotten', () => {
  const slot = slotConfig({ slot: 0, topics: ['orders', 'bills'] })
  const groups = new Groups([slot])
  const { stored, consumed } = groups.of(slot)
  for (const topic of ['orders', 'bills']) stored.note({ topic, partition: 3, offset: 7n })
  consumed.remove({ topics: ['bills'], patterns: [] })
  groups.forget()
  expect(stored.takeGone({ topic: 'bills', partition: 3 })).toBeUndefined()
  expect(stored.takeGone({ topic: 'orders', partition: 3 })).toBe(7n)
  expect(stored.takeGone({ topic: 'orders', partition: 3 })).toBeUndefined()
})
