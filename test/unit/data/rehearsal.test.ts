import { expect, test } from 'vitest'
import { rehearse } from '#src/data/rehearsal.js'

test('a spare rehearses a whole incarnation, and handles every message of it', async () => {
  await expect(rehearse(new AbortController().signal)).resolves.toBe(1_000)
})

test('a spare that is called up rehearses no longer', async () => {
  await expect(rehearse(AbortSignal.abort())).resolves.toBe(0)
  const called = new AbortController()
  const rehearsing = rehearse(called.signal)
  called.abort()
  await expect(rehearsing).resolves.toBeLessThan(1_000)
})
