import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Holdings } from '#src/control/holdings.js'
import { Incarnations } from '#src/control/incarnations.js'
import type { ThreadExit } from '#src/control/thread.js'
import { deferred } from '#src/util/deferred.js'
import { slotConfig } from '../support/slot-config.js'
import { startThreads } from '../support/threads/start.js'

const ENTRY = new URL('../../dist/workers/entry.cjs', import.meta.url)

test('a thread whose handler is not loaded in time is ended, with an error that names the module', async () => {
  const handler = new URL('../support/handlers/bad/hangs.mjs', import.meta.url).href
  const exited = deferred<ThreadExit>()
  const incarnations = new Incarnations({
    config: slotConfig({ handler }),
    threads: startThreads({ entry: ENTRY, handlers: [handler], loadTimeoutMs: 1_000 }),
    nextClientId: () => 'client',
    view: () => ({ brokers: [], topics: [] }),
    log: pino({ level: 'silent' }),
    logLevel: 'silent',
    loadTimeoutMs: 500,
    teardownTimeoutMs: 1_000,
    onReady: () => {},
    onMessage: () => {},
    onExit: (_, exit) => exited.resolve(exit),
  })
  incarnations.start(new Holdings().rehouse())
  expect(await exited.promise).toMatchObject({
    reason: 'ended',
    error: { code: 'KCP_START_TIMED_OUT', message: expect.stringContaining(handler) },
  })
  expect(incarnations.thread).toBeNull()
})
