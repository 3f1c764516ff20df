import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, describeGroup } from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 4
/** The fenced one stays away for 10 s; judged is what it does in less. */
const AWAY_MS = 9_000

it('a pool whose group.instance.id another one takes is fenced and stops, the other goes on, and nothing is lost', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = {
    topics: [topic],
    handler: record.handler,
    workers: 1,
    consumer: { groupInstanceId: 'pod', heartbeatInterval: 200 },
  }
  const first = await startPool(options)
  const before = await describeGroup(first.groupId)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS })
  await until(() => first.status().totals.finished > 50, { what: 'the first pool to work' })
  const firstThread = first.status().slots[0]?.threadId

  const second = await startPool({ ...options, groupId: first.groupId })
  const [fenced] = await until(() => first.heard('group:fenced').length > 0 && first.heard('group:fenced'), {
    what: 'the first pool to be fenced',
  })
  expect(fenced).toMatchObject({ slot: 0, groupId: first.groupId, instanceId: 'pod', tries: 1, retryInMs: 10_000 })
  expect(first.status().slots[0]).toMatchObject({ seat: { state: 'fenced', generation: -1 }, assignment: [] })
  expect(first.status().state).toBe('degraded')

  const finished = second.status().totals.finished
  await until(() => second.status().totals.finished > finished + 50, { what: 'the second pool to work' })
  const after = await describeGroup(first.groupId)
  // A static member is replaced within its generation (KIP-345).
  expect(after).toMatchObject({ state: 'Stable', generation: before.generation })
  expect(after.members.map(({ groupInstanceId }) => groupInstanceId)).toEqual(['pod'])
  await expectBrokerAgrees(after, second)
  await first.pool.stop()
  expect(await describeGroup(first.groupId)).toEqual(after)

  expect(await record.untilNothingIsLost(await traffic.stop())).toMatchObject({ lost: [], unknown: [] })
  const fencedAtMs = fenced?.heardAtMs ?? Number.NaN
  const late = record
    .read()
    .filter(
      ({ threadId, startMs }) => threadId === firstThread && startMs > fencedAtMs && startMs < fencedAtMs + AWAY_MS,
    )
  expect(late).toEqual([])
})
