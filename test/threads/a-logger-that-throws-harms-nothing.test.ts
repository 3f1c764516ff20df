import { pino } from 'pino'
import { expect, test } from 'vitest'
import { ConsumerPool } from '#src/index.js'

test('a pool whose logger throws at every line starts, fails and stops as any other', async () => {
  const mixin = (): object => {
    throw new Error('no request here')
  }
  const pool = new ConsumerPool({
    // Nobody listens there.
    kafka: { brokers: ['127.0.0.1:1'], connectionTimeout: 300, retry: { retries: 1 } },
    consumer: { groupId: 'g' },
    topics: ['t'],
    handler: './handler.js',
    workers: 1,
    logger: pino({ level: 'debug', mixin }, { write: () => {} }),
  })
  await expect(pool.start()).rejects.toMatchObject({ code: 'KCP_BROKER_UNREACHABLE' })
  await expect(pool.stop()).resolves.toBeUndefined()
  expect(pool.status().state).toBe('stopped')
})
