import { expect, test } from 'vitest'
import { WakeUp } from '#src/data/wake-up.js'

test('a wake-up that comes while nobody waits ends the next wait at once', async () => {
  const wakeUp = new WakeUp()
  wakeUp.wake()
  await wakeUp.wait()
  let second = false
  const waiting = wakeUp.wait().then(() => {
    second = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(second).toBe(false)
  wakeUp.wake()
  await waiting
})

test('a wait ends by itself after the given time', async () => {
  await new WakeUp().wait(1)
})
