import { expect, test } from 'vitest'
import { warmUp } from '#src/kafka/warm-up.js'

test('a spare rehearses a whole Fetch, and the rehearsal reads every record', async () => {
  await expect(warmUp()).resolves.toBe(250)
})
