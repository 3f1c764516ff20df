import { pino } from 'pino'
import { expect, test } from 'vitest'
import { type PartitionChoice, type Steerable, Steering } from '#src/control/steering/steering.js'
import { monotonicMs } from '#src/util/clock.js'

const steering = () =>
  new Steering({
    ...{ slots: () => [], isSubscribed: () => true, isStopping: () => false },
    log: pino({ level: 'silent' }),
  })

test.each<[unknown, string]>([
  [null, 'got null'],
  ['3', "got '3' (string)"],
  [['3'], "got '3' (string)"],
  [[[1]], 'got [ 1 ] (array)'],
  [{}, 'got {} (object)'],
  [-1, 'got -1 (number)'],
  [0.5, 'got 0.5 (number)'],
  [2 ** 31, 'got 2147483648 (number)'],
])('what is no partition is named, and pauses, resumes and seeks nothing: %o', async (wrong, words) => {
  const steered = steering()
  const choice = wrong as PartitionChoice
  await expect(steered.pause('orders', choice)).rejects.toThrow(words)
  expect(() => steered.resume('orders', choice)).toThrow(TypeError)
  await expect(steered.seek('orders', choice as number, 0)).rejects.toThrow(TypeError)
  expect(steered.resume('orders', undefined)).toBe(false)
})

test.each([
  'a b',
  '',
  'a'.repeat(250),
  '.',
  '..',
  'orders\n',
  7,
  undefined,
])('what no broker would have as a topic is refused in words, and not looked for: %j', async (wrong) => {
  const steered = steering()
  const topic = wrong as string
  const words = 'topic: expected the name of a topic (1 to 249 characters'
  await expect(steered.pause(topic, undefined)).rejects.toThrow(words)
  expect(() => steered.resume(topic, undefined)).toThrow(words)
  await expect(steered.seek(topic, 0, 0)).rejects.toThrow(words)
})

test('the longest name of a topic is one', async () => {
  await steering().pause('a'.repeat(249), undefined)
})

test.each([undefined, [1]])('a partition to seek is one number, not %o', async (wrong) => {
  await expect(steering().seek('orders', wrong as unknown as number, 0)).rejects.toThrow(TypeError)
})

test('to pause no partition pauses nothing, and nothing is said to be resumed after it', async () => {
  const steered = steering()
  await steered.pause('orders', [])
  expect(steered.resume('orders', undefined)).toBe(false)
})

test('a topic that was unsubscribed is paused until no slot holds it, with no warning, and is forgotten then', async () => {
  const consumed = new Set(['orders', 'bills'])
  const lines: unknown[] = []
  const held = [{ topic: 'orders', partition: 0 }]
  const slot = { held, pause: async () => {}, obey: async () => {}, resume: () => false } as unknown as Steerable
  const steered = new Steering({
    slots: () => [slot],
    isSubscribed: (topic) => consumed.has(topic),
    isStopping: () => false,
    log: pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
  })
  await steered.pause('orders', undefined)
  await steered.pause('bills', 1)
  consumed.delete('orders')
  const laterMs = monotonicMs() + 3_600_000
  steered.look(laterMs)
  expect(lines).toMatchObject([{ topic: 'bills', partitions: [1] }])
  expect(steered.onHold.since({ topic: 'orders', partition: 0 })).not.toBeNull()
  held.splice(0)
  steered.look(laterMs)
  expect(steered.onHold.since({ topic: 'orders', partition: 0 })).toBeNull()
  expect(steered.onHold.since({ topic: 'bills', partition: 1 })).not.toBeNull()
})
