import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic } from '../../support/cluster/index.js'
import { collectLines } from '../../support/log-lines.js'
import { createPool } from '../../support/pool/pool.js'
import { startPoolProcess } from '../../support/pool/pool-process.js'
import { newRecord } from '../../support/pool/record.js'

test('a start that waits for members of a process that was killed says for whom and how long at most', async () => {
  const topic = await createTopic({ partitions: 2 })
  const { handler } = newRecord()
  // The session is longer than it takes until the first word.
  const options = { topics: [topic], handler, workers: 1, consumer: { sessionTimeout: 12_000 } }
  const killed = await startPoolProcess(options)
  const [slot] = (await killed.status()).slots
  await killed.kill()
  const { logger, lines } = collectLines()
  const { pool } = createPool({ ...options, groupId: killed.groupId, logger })
  await pool.start()
  const told = lines.filter(({ level }) => level === 40)
  expect(told).toMatchObject([{ groupId: killed.groupId, state: 'PreparingRebalance' }])
  expect(told[0]?.msg).toContain(slot?.seat.memberId)
  expect(told[0]?.msg).toMatch(/session is over \(here after 12 s\)/)
  await until(() => lines.some(({ msg }) => msg === 'the group goes on'), { what: 'the end of it' })
})
