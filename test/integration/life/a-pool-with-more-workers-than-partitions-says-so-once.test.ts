import { expect, test } from 'vitest'
import { createTopic } from '../../support/cluster/index.js'
import { collectLines } from '../../support/log-lines.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

test('a pool with more workers than its topic has partitions runs, and says so once', async () => {
  const topic = await createTopic({ partitions: 2 })
  const { logger, lines } = collectLines()
  const { pool } = await startPool({ topics: [topic], handler: newRecord().handler, workers: 3, logger })
  expect(pool.status().state).toBe('running')
  expect(lines.filter(({ msg }) => msg.includes('idle'))).toMatchObject([
    {
      level: 40,
      msg: `3 workers share 2 partitions of "${topic}": 1 of them stays idle. Lower workers, or add partitions`,
    },
  ])
})
