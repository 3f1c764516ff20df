import { expect, test } from 'vitest'
import { startIncarnation } from '../support/threads/start-incarnation.js'

test('a thread whose handler is not loaded in time is ended, with an error that names the module', async () => {
  const handler = new URL('../support/handlers/bad/hangs.mjs', import.meta.url).href
  const { incarnations, exited } = startIncarnation(handler)
  expect(await exited).toMatchObject({
    reason: 'ended',
    error: { code: 'KCP_START_TIMED_OUT', message: expect.stringContaining(handler) },
  })
  expect(incarnations.current).toBeNull()
})
