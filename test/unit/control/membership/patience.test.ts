import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Patience } from '#src/control/membership/patience.js'
import { silence } from '../../../support/control/fake-client.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const answerAfter = (ms: number) => () => new Promise<void>((resolve) => setTimeout(resolve, ms))
const silenceAfter = (ms: number) => () => new Promise<never>((_, reject) => setTimeout(() => reject(silence()), ms))

/** A request of which one hears after so long. */
const ask = async (patience: Patience, request: () => Promise<void>) => {
  const asked = patience.during(request).catch(() => {})
  await vi.runAllTimersAsync()
  await asked
}

test('requests that come to nothing together are one silence', async () => {
  const patience = new Patience()
  await Promise.all([1, 2, 3].map(() => ask(patience, silenceAfter(6_000))))
  expect(patience.ms).toBe(12_000)
})

test('an answer that comes soon ends the patience, one that is slow shows that it is needed', async () => {
  const patience = new Patience()
  await ask(patience, silenceAfter(6_000))
  await ask(patience, answerAfter(8_000))
  expect(patience.ms).toBe(12_000)
  await ask(patience, answerAfter(100))
  expect(patience.ms).toBe(6_000)
})
