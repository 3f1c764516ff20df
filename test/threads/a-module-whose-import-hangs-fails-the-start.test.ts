import { expect, test } from 'vitest'
import { ConsumerPool } from '#src/index.js'
import { startIncarnation } from '../support/threads/start-incarnation.js'

const url = (file: string): string => new URL(`../support/handlers/${file}`, import.meta.url).href
const hangs = url('bad/hangs.mjs')

const poolWith = (more: object): ConsumerPool =>
  new ConsumerPool({
    kafka: { brokers: ['127.0.0.1:1'], retry: { retries: 0 }, ...more },
    consumer: { groupId: 'orders' },
    topics: ['orders'],
    handler: url('keep.mjs'),
    workers: 1,
    loadTimeoutMs: 1_000,
    logger: { level: 'silent' },
  })

test.each([
  ['codecs.snappy', { codecs: { snappy: hangs } }],
  ['sasl.oauthBearerProvider', { sasl: { mechanism: 'oauthbearer', oauthBearerProvider: hangs } }],
])('a start whose module of %s is not loaded in time fails, with an error that names it and the limit', async (option, more) => {
  await expect(poolWith(more).start()).rejects.toMatchObject({
    code: 'KCP_MODULE_NOT_USABLE',
    message: `the module "${hangs}" of option ${option} was not loaded after 1 s. Look what it waits for while it is imported, or raise loadTimeoutMs`,
  })
})

test('a stop ends the wait for such a module', async () => {
  const pool = poolWith({ codecs: { snappy: hangs } })
  const failure = pool.start().catch((error: unknown) => error)
  await pool.stop()
  expect(await failure).toMatchObject({
    code: 'KCP_POOL_STOPPED',
    cause: { code: 'KCP_POOL_STOPPED', message: expect.stringContaining('codecs.snappy') },
  })
})

test('a thread in which such a module does not come is ended, with the same error', async () => {
  const { exited } = startIncarnation(url('keep.mjs'), { codecs: { snappy: hangs } })
  expect(await exited).toMatchObject({
    error: {
      code: 'KCP_MODULE_NOT_USABLE',
      message: expect.stringContaining('codecs.snappy was not loaded after 0.5 s'),
    },
  })
})
