import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { HandlerModule } from '#src/data/handler.js'
import { HandlerLife } from '#src/data/handling/handler-life.js'
import { Ledger } from '#src/protocol/ledger.js'
import { collectLines } from '../../../support/log-lines.js'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const never = () => new Promise<void>(() => {})

const lifeOf = (hooks: Partial<HandlerModule>) => {
  const { logger, lines } = collectLines()
  const context = { slot: 0, incarnation: 1, clientId: 'client', log: logger }
  const module: HandlerModule = { handler: () => {}, ...hooks }
  const limits = { setupTimeoutMs: 60_000, teardownTimeoutMs: 5_000 }
  const ledger = Ledger.create(1)
  const life = new HandlerLife({ module, url: 'file:///orders.mjs', context, ...limits, ledger, log: logger })
  return { life, ledger, lines }
}

test('a setup that does not come back is an error that names the module, and the limit', async () => {
  const { life } = lifeOf({ setup: never })
  const outcome = expect(life.setUp()).rejects.toMatchObject({
    code: 'KCP_HANDLER_SETUP_FAILED',
    message: expect.stringMatching(/orders\.mjs.*60 s.*loadTimeoutMs/),
  })
  await vi.advanceTimersByTimeAsync(60_000)
  await outcome
})

test('a teardown that does not come back is an error that names the module, and the limit', async () => {
  const { life } = lifeOf({ teardown: never })
  await life.setUp()
  const outcome = expect(life.tearDown()).rejects.toMatchObject({
    code: 'KCP_HANDLER_SETUP_FAILED',
    message: expect.stringMatching(/teardown.*orders\.mjs.*5 s.*drainTimeoutMs/),
  })
  await vi.advanceTimersByTimeAsync(5_000)
  await outcome
  expect(vi.getTimerCount()).toBe(0)
})

test('a teardown that fails is logged with the module, and is over', async () => {
  const { life, lines } = lifeOf({ teardown: () => Promise.reject(new Error('no flush')) })
  await life.setUp()
  await life.tearDown()
  expect(lines).toMatchObject([
    {
      level: 50,
      msg: 'teardown of the handler module file:///orders.mjs failed: no flush',
      err: { message: 'no flush' },
    },
  ])
})

test('nothing is torn down that was not set up, and nothing twice', async () => {
  const teardown = vi.fn()
  const { life } = lifeOf({ setup: () => Promise.reject(new Error('no')), teardown })
  await life.setUp().catch(() => {})
  await life.tearDown()
  expect(teardown).not.toHaveBeenCalled()
  const other = lifeOf({ teardown }).life
  await other.setUp()
  await Promise.all([other.tearDown(), other.tearDown()])
  expect(teardown).toHaveBeenCalledTimes(1)
})

test('the ledger says which hook runs before it is called and until it has come back, even when it is given up', async () => {
  const seen: unknown[] = []
  const look = () => seen.push(bench.ledger.hook()?.name ?? null)
  const bench = lifeOf({
    setup: async () => {
      look()
      await Promise.resolve()
      look()
    },
    teardown: () => {
      look()
      return never()
    },
  })
  await bench.life.setUp()
  look()
  const tornDown = bench.life.tearDown().catch(() => {})
  await vi.advanceTimersByTimeAsync(4_000)
  expect(bench.ledger.hook()).toMatchObject({ name: 'teardown', runningMs: 4_000 })
  await vi.advanceTimersByTimeAsync(1_000)
  await tornDown
  look()
  expect(seen).toEqual(['setup', 'setup', null, 'teardown', 'teardown'])
  const failing = lifeOf({ setup: () => Promise.reject(new Error('no')) })
  await failing.life.setUp().catch(() => {})
  expect(failing.ledger.hook()).toBeNull()
})
