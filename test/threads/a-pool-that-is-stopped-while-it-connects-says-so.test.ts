import { describe, expect, it } from 'vitest'
import { ConsumerPool } from '#src/index.js'

const HANDLER = new URL('../support/handlers/record.mjs', import.meta.url)

describe('a pool that is stopped while it still connects', () => {
  it('says so, and not that a connection was closed', async () => {
    const pool = new ConsumerPool({
      logger: { level: 'silent' },
      kafka: { brokers: ['127.0.0.1:1'] }, // nobody listens there
      consumer: { groupId: 'group' },
      subscriptions: [{ topics: ['orders'], handler: HANDLER, workers: 1 }],
    })
    const starting = pool.start()
    const outcome = expect(starting).rejects.toMatchObject({ name: 'PoolError', code: 'KCP_POOL_STOPPED' })
    await pool.stop()
    await outcome
    expect(pool.status().state).toBe('stopped')
  })
})
