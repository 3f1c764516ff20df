import { expect, test, vi } from 'vitest'
import { ConsumerPool } from '#src/index.js'
import { collectLines } from '../support/log-lines.js'

test.each([
  ['', 1],
  ['16', 0],
])('a pool whose handlers may keep all native threads busy says so once, unless their number was set (%j)', async (set, times) => {
  vi.stubEnv('UV_THREADPOOL_SIZE', set)
  const { logger, lines } = collectLines()
  const pool = new ConsumerPool({
    kafka: { brokers: ['127.0.0.1:1'], retry: { retries: 0 } },
    consumer: { groupId: 'orders' },
    subscriptions: [{ topics: ['orders'], handler: new URL('../support/handlers/keep.mjs', import.meta.url) }],
    workers: 2,
    concurrency: 8,
    logger,
  })
  await expect(pool.start()).rejects.toMatchObject({ code: 'KCP_BROKER_UNREACHABLE' })
  vi.unstubAllEnvs()
  const hints = lines.filter(({ msg }) => String(msg).includes('UV_THREADPOOL_SIZE'))
  expect(hints).toHaveLength(times)
  for (const hint of hints) expect(hint).toMatchObject({ level: 30, msg: expect.stringContaining('up to 16 messages') })
})
