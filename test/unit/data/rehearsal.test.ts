import { expect, test } from 'vitest'
import type { SlotConfig } from '#src/config/resolved.js'
import { rehearsalConfig } from '#src/control/threads/rehearsal-config.js'
import { rehearse } from '#src/data/rehearsal.js'

const config = rehearsalConfig() as SlotConfig

test('a spare rehearses a whole incarnation, and handles every message of it', async () => {
  await expect(rehearse(config, new AbortController().signal)).resolves.toBe(6_000)
})

test('a spare that is called up rehearses no longer', async () => {
  await expect(rehearse(config, AbortSignal.abort())).resolves.toBe(0)
  const called = new AbortController()
  const rehearsing = rehearse(config, called.signal)
  called.abort()
  await expect(rehearsing).resolves.toBeLessThan(6_000)
})
