import { pino } from 'pino'
import { expect, test } from 'vitest'
import { type PartitionChoice, Steering } from '#src/control/steering/steering.js'

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

test.each([undefined, [1]])('a partition to seek is one number, not %o', async (wrong) => {
  await expect(steering().seek('orders', wrong as unknown as number, 0)).rejects.toThrow(TypeError)
})

test('to pause no partition pauses nothing, and nothing is said to be resumed after it', async () => {
  const steered = steering()
  await steered.pause('orders', [])
  expect(steered.resume('orders', undefined)).toBe(false)
})
