import { expect, test, vi } from 'vitest'
import { ConsumerPool } from '#src/index.js'
import { collectLines } from '../support/log-lines.js'

test('a pool under --max-old-space-size says once that its memory limits do not hold, and what to do', async () => {
  vi.stubEnv('NODE_OPTIONS', '--max-old-space-size=700')
  const { logger, lines } = collectLines()
  const pool = new ConsumerPool({
    kafka: { brokers: ['127.0.0.1:1'], retry: { retries: 0 }, connectionTimeout: 1_000 },
    consumer: { groupId: 'orders' },
    subscriptions: [{ topics: ['orders'], handler: new URL('../support/handlers/keep.mjs', import.meta.url) }],
    workers: 2,
    logger,
  })
  await expect(pool.start()).rejects.toMatchObject({ code: 'KCP_BROKER_UNREACHABLE' })
  vi.unstubAllEnvs()
  const warnings = lines.filter(({ msg }) => String(msg).includes('--max-old-space-size=700'))
  expect(warnings).toMatchObject([{ level: 40, msg: expect.stringContaining('resourceLimits.maxOldGenerationSizeMb') }])
})
