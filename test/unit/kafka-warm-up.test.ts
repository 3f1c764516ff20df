import { expect, test } from 'vitest'
import { warmUp } from '#src/kafka/warm-up.js'

test('a spare rehearses a whole Fetch, and the rehearsal reads every record', async () => {
  await expect(warmUp(new AbortController().signal)).resolves.toBe(250)
})

test('a spare that is called up rehearses no longer', async () => {
  await expect(warmUp(AbortSignal.abort())).resolves.toBe(0)
})
