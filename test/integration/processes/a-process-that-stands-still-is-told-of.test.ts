import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

test('a process that is frozen while it has nothing to do does not look healthy for long, and goes on when it thaws', async () => {
  const topic = await createTopic({ partitions: 1 })
  await produce(topic, [{ partition: 0, value: 'block:1' }])
  const record = newRecord()
  const { status, heard, groupId } = await startPool({
    isolation: 'process',
    topics: [topic],
    handler: record.handler,
    workers: 1,
    consumer: { sessionTimeout: 3_000, heartbeatInterval: 300 },
  })
  await untilStable(groupId, 1)
  await until(() => heard('offsets:committed').length === 1, { what: 'the first message to be committed' })
  const pid = status().slots[0]?.threadId ?? Number.NaN
  process.kill(pid, 'SIGSTOP')
  await produce(topic, [{ partition: 0, value: 'block:1' }])
  await until(() => status().state === 'degraded', { what: 'the pool to see that nothing moves', deadlineMs: 60_000 })
  expect(heard('slot:stalled')).toMatchObject([{ partitions: [{ topic, partition: 0, offset: '1' }] }])
  process.kill(pid, 'SIGCONT')
  const { lost, startedTwice } = await record.untilNothingIsLost(await producedIn(topic))
  expect({ lost, startedTwice }).toEqual({ lost: [], startedTwice: [] })
  await until(() => status().state === 'running', { what: 'the pool to be well again' })
}, 120_000)
