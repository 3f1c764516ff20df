import { expect, test } from 'vitest'
import { ConsumerPool } from '#src/index.js'

const HANDLER = new URL('../support/handlers/record.mjs', import.meta.url)

const newPool = () =>
  new ConsumerPool({
    logger: { level: 'silent' },
    kafka: { brokers: ['127.0.0.1:1'] }, // nobody listens there
    consumer: { groupId: 'group' },
    subscriptions: [{ topics: ['orders'], handler: HANDLER, workers: 1 }],
  })

/** What comes of everything that can be said: a code, or that it was done. */
const said = async (pool: ConsumerPool) => {
  const come = async (promise: Promise<unknown>) =>
    promise.then(
      () => 'done',
      (error) => (error as { readonly code?: string }).code ?? String(error),
    )
  const pausing = come(pool.pause('orders'))
  const resume = pool.resume('orders')
  const [pause, seek, subscribe, unsubscribe, scale] = await Promise.all([
    pausing,
    come(pool.seek('orders', 0, 0)),
    come(pool.subscribe('more')),
    come(pool.unsubscribe('orders')),
    come(pool.scale(2)),
  ])
  return { pause, seek, subscribe, unsubscribe, scale, resume }
}

const STOPPED = 'KCP_POOL_STOPPED'
const OVER = { pause: 'done', resume: true, seek: STOPPED, subscribe: STOPPED, unsubscribe: STOPPED, scale: STOPPED }
const held = { pause: 'done', resume: true, seek: 'KCP_PARTITION_NOT_HELD', scale: 'KCP_NOT_SCALED' }

test('before the start', async () => {
  const pool = newPool()
  expect(await said(pool)).toEqual({ ...held, subscribe: 'done', unsubscribe: 'done' })
  await pool.stop()
})

test('while it starts and is stopped then, while it stops, and afterwards', async () => {
  const pool = newPool()
  const starting = expect(pool.start()).rejects.toMatchObject({ code: STOPPED })
  const early = said(pool)
  const stopping = pool.stop()
  const late = said(pool)
  await Promise.all([starting, stopping])
  expect(await early).toEqual({ ...OVER, scale: held.scale })
  expect(await late).toEqual(OVER)
  expect(await said(pool)).toEqual(OVER)
})
