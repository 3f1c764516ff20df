import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, describeGroup } from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 4
const SHORT = { sessionTimeout: 3_000, heartbeatInterval: 500 }
const LONG = { sessionTimeout: 120_000 }

type LeaveOnStop = 'dynamic' | 'always' | 'never'

const startAndStop = async (leaveOnStop: LeaveOnStop, consumer: object) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const { handler } = newRecord()
  const pool = await startPool({ topics: [topic], handler, workers: 2, leaveOnStop, consumer })
  await untilStable(pool.groupId, 2)
  await pool.pool.stop()
  return pool.groupId
}

const untilEmpty = (groupId: string) =>
  until(async () => (await describeGroup(groupId)).state === 'Empty', { what: `group ${groupId} to be empty` })

it.each<[LeaveOnStop, string, string | undefined]>([
  ['dynamic', 'dynamic', undefined],
  ['always', 'dynamic', undefined],
  ['always', 'static', 'leave'],
])("leaveOnStop '%s': %s members leave at once", async (leaveOnStop, _, groupInstanceId) => {
  // Long before the end of their session.
  await untilEmpty(await startAndStop(leaveOnStop, { ...LONG, groupInstanceId }))
})

it.each<[LeaveOnStop, string, string | undefined]>([
  ['dynamic', 'static', 'stay'],
  ['never', 'static', 'stay'],
  ['never', 'dynamic', undefined],
])("leaveOnStop '%s': %s members stay until their session ends", async (leaveOnStop, _, groupInstanceId) => {
  const groupId = await startAndStop(leaveOnStop, { ...SHORT, groupInstanceId })
  expect(await describeGroup(groupId)).toMatchObject({ state: 'Stable', members: [{}, {}] })
  await untilEmpty(groupId)
})

it('static members that come back within their session have their old generation and partitions, and repeat nothing', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = {
    topics: [topic],
    handler: record.handler,
    workers: 2,
    consumer: { ...LONG, groupInstanceId: 'stay' },
  }
  const first = await startPool(options)
  const before = await untilStable(first.groupId, 2)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS })
  await until(() => first.status().totals.finished > 50, { what: 'some work' })
  await first.pool.stop()

  const second = await startPool({ ...options, groupId: first.groupId })
  const after = await untilStable(first.groupId, 2)
  const verdict = await record.untilNothingIsLost(await traffic.stop())

  expect(after.generation).toBe(before.generation)
  const byInstance = ({ members }: typeof after) =>
    Object.fromEntries(members.map(({ groupInstanceId, assignment }) => [groupInstanceId, assignment]))
  expect(byInstance(after)).toEqual(byInstance(before))
  await expectBrokerAgrees(after, second)
  expect(verdict).toMatchObject({ lost: [], repeated: [], startedTwice: [], outOfOrder: [], overlapping: [] })
})
