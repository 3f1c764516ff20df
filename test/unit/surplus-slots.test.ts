import { expect, test } from 'vitest'
import { surplusWarning } from '#src/control/surplus-slots.js'
import { slotConfig } from '../support/slot-config.js'

const topic = (name: string, count: number) => ({
  topic: name,
  error: null,
  partitions: Array.from({ length: count }, (_, partition) => ({ partition, leader: 1 })),
})
const found = [topic('orders', 3), topic('bills', 1)]
const slots = (subscription: number, count: number, topics: string[]) =>
  Array.from({ length: count }, (_, slot) => slotConfig({ slot, subscription, topics }))

test.each([
  [slots(0, 3, ['orders'])],
  [slots(0, 4, ['orders', 'bills'])],
  [[...slots(0, 3, ['orders']), ...slots(1, 1, ['bills'])]],
])('as many workers as partitions, or fewer, are nothing to speak of', (enough) => {
  expect(surplusWarning(enough, found)).toBeNull()
})

test('more workers than partitions are told once for all subscriptions, with what to do', () => {
  const many = [...slots(0, 4, ['orders']), ...slots(1, 1, ['bills']), ...slots(2, 2, ['bills'])]
  expect(surplusWarning(many, found)).toBe(
    '4 workers share 3 partitions of "orders"; 2 workers share 1 partition of "bills": the others stay idle. Lower workers, or add partitions',
  )
})
