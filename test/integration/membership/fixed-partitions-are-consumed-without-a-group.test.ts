import { expect, inject, it } from 'vitest'
import { runTool } from '#scripts/broker.js'
import { makeTopic } from '#scripts/support/topics.js'
import { until } from '#scripts/support/until.js'
import {
  adminClient,
  committed,
  createTopic,
  describeGroup,
  describeGroupWithTool,
  groupHistory,
  produce,
  uniqueName,
} from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { createPool, startPool, type TestPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

/** So many messages in each of these partitions. */
const fill = (topic: string, partitions: readonly number[], count = 5) =>
  produce(
    topic,
    partitions.flatMap((partition) => Array.from({ length: count }, () => ({ partition, value: 'plain' }))),
  )

const offsets = (groupId: string, topic: string) => async () => Object.fromEntries(await committed(groupId, topic))

/** What each slot holds, as `partition`. */
const held = ({ pool }: TestPool) =>
  pool.status().slots.map((slot) => slot.assignment.map(({ partition }) => partition))

it('exactly the assigned partitions are consumed, without a member, and the next start goes on where the last one ended', async () => {
  const topic = await createTopic({ partitions: 4 })
  await fill(topic, [0, 1, 2, 3])
  const record = newRecord()
  const options = {
    subscriptions: [{ assign: [{ topic, partitions: [0, 1, 3] }], handler: record.handler }],
    workers: 2,
  }
  const first = await startPool(options)
  expect(held(first)).toEqual([[0, 3], [1]])
  await expect.poll(offsets(first.groupId, topic), { timeout: 30_000 }).toEqual({ 0: 5n, 1: 5n, 3: 5n })
  expect(first.status()).toMatchObject({ state: 'running', totals: { finished: 15, rebalances: 0 } })
  expect(first.status().slots.map(({ seat }) => seat)).toMatchObject(
    Array(2).fill({ state: 'assigned', memberId: '', generation: -1, leader: false, instanceId: null }),
  )
  expect(first.heard('group:joined')).toEqual([])
  expect(first.heard('group:assigned')).toHaveLength(2)
  expect(await describeGroup(first.groupId)).toMatchObject({ state: 'Empty', members: [] })
  expect(await describeGroupWithTool(first.groupId)).toEqual([])
  const args = ['--describe', '--offsets', '--group', first.groupId, '--timeout', '50000']
  const told = await runTool(inject('kafkaTools'), 'kafka-consumer-groups', args)
  const rows = told.split('\n').filter((line) => line.startsWith(first.groupId))
  const shown = rows.map((line) => line.trim().split(/\s+/)).map((cells) => cells.slice(1, 7).join(' '))
  expect(shown.sort()).toEqual([0, 1, 3].map((partition) => `${topic} ${partition} 5 5 0 -`))
  await first.pool.stop()

  await fill(topic, [0, 1, 2, 3])
  const second = await startPool({ ...options, groupId: first.groupId })
  await expect.poll(offsets(first.groupId, topic), { timeout: 30_000 }).toEqual({ 0: 10n, 1: 10n, 3: 10n })
  const handled = record.read().map(({ partition, offset }) => `${partition}/${offset}`)
  const expected = [0, 1, 3].flatMap((partition) => Array.from({ length: 10 }, (_, offset) => `${partition}/${offset}`))
  expect(handled.sort()).toEqual(expected.sort())
  expect(second.status().totals.finished).toBe(15)
  expect(await groupHistory(first.groupId)).toEqual([])
})

it('a thread that dies is replaced without a loss; pausing and seeking work as ever', async () => {
  const topic = await createTopic({ partitions: 3 })
  const record = newRecord()
  const subscriptions = [{ assign: [{ topic, partitions: [0, 1, 2] }], handler: record.handler }]
  const pool = await startPool({ subscriptions, workers: 2 })
  const traffic = await startTraffic(topic, { partitions: 3 })
  await produce(topic, [{ partition: 1, value: 'uncaught-once' }])
  await until(() => pool.heard('slot:recovered').length > 0, { what: 'the slot to recover' })
  const produced = await traffic.stop()
  const verdict = await record.untilNothingIsLost(produced, { crashes: pool.crashes() })
  expect(verdict).toMatchObject({ lost: [], unexcused: [], outOfOrder: [], overlapping: [] })
  expect(pool.heard('slot:recovered').map(({ by }) => by)).toEqual(['handover'])
  expect(held(pool)).toEqual([[0, 2], [1]])

  await pool.pool.pause(topic, 0)
  const before = pool.status().totals.finished
  const stoodAt = pool.status().slots[0]?.assignment[0]?.finishedUpTo
  await fill(topic, [0, 1])
  await until(() => pool.status().totals.finished >= before + 5, { what: 'the partition that is not paused' })
  expect(pool.status().slots[0]?.assignment[0]?.finishedUpTo).toBe(stoodAt)
  pool.pool.resume(topic, 0)
  await until(() => pool.status().totals.finished >= before + 10, { what: 'the partition that goes on' })
  expect(await pool.pool.seek(topic, 0, 'beginning')).toBe('0')
  await until(() => record.read().filter(({ partition, offset }) => partition === 0 && offset === 0).length > 1, {
    what: 'the first message once more',
  })
  await expect(pool.pool.seek(topic, 7, 'beginning')).rejects.toMatchObject({ code: 'KCP_PARTITION_NOT_HELD' })

  await expect(pool.pool.scale(3)).rejects.toMatchObject({
    code: 'KCP_NOT_SCALED',
    message: expect.stringContaining('subscriptions[0] has fixed partitions (assign)'),
  })
  for (const asked of [pool.pool.subscribe('other'), pool.pool.unsubscribe(topic)]) {
    await expect(asked).rejects.toMatchObject({
      code: 'KCP_CONFIG_INVALID',
      message: expect.stringContaining(
        'subscriptions[0] has fixed partitions (assign), and no topics come or go there',
      ),
    })
  }
})

it('a group that has members is refused in words: at the start, with offsets or without; and later, until they are gone', async () => {
  const topic = await createTopic({ partitions: 2 })
  const other = await createTopic({ partitions: 1 })
  await fill(topic, [0, 1])
  const record = newRecord()
  const subscriptions = [{ assign: [{ topic, partitions: [0, 1] }], handler: record.handler }]
  const member = await startPool({ topics: [other], handler: record.handler, workers: 1 })
  const { groupId } = member
  const refused = async () => {
    const { pool } = createPool({ subscriptions, groupId, workers: 1 })
    const error = await pool.start().catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'KCP_BROKER_REFUSED', slot: 0, groupId })
    expect((error as Error).message).toMatch(/fixed partitions \(assign\) in group ".*has members.*groupId of its own/)
    expect(pool.status().state).toBe('stopped')
  }
  await refused()
  expect(record.read()).toEqual([])
  await member.pool.stop()

  const fixed = await startPool({ subscriptions, groupId, workers: 1 })
  await expect.poll(offsets(groupId, topic), { timeout: 30_000 }).toEqual({ 0: 5n, 1: 5n })
  const later = await startPool({ topics: [other], handler: record.handler, groupId, workers: 1 })
  await fill(topic, [0])
  await until(() => fixed.status().state === 'degraded', { what: 'the pool to be degraded' })
  const [slot] = fixed.status().slots
  expect(slot).toMatchObject({
    state: 'running',
    seat: { state: 'refused' },
    lastError: { code: 'KCP_BROKER_REFUSED' },
  })
  await refused()
  await later.pool.stop()
  await expect.poll(offsets(groupId, topic), { timeout: 30_000 }).toEqual({ 0: 10n, 1: 5n })
  await until(() => fixed.status().state === 'running', { what: 'the pool to run again' })
})

it('partitions that are not there are named at the start, and nothing is consumed', async () => {
  const topic = await createTopic({ partitions: 2 })
  const { handler } = newRecord()
  const { pool } = createPool({ assign: [{ topic, partitions: [0, 2, 5] }], handler, workers: 2 })
  const message = `there are no partitions ${topic}-2, ${topic}-5 on the broker: "${topic}" has 2, from 0 to 1`
  await expect(pool.start()).rejects.toMatchObject({
    code: 'KCP_TOPIC_MISSING',
    message: expect.stringContaining(message),
  })
})

it('partitions of a topic that is deleted and made anew are consumed again, from the first message on', async () => {
  const admin = await adminClient()
  const topic = uniqueName('reborn')
  await makeTopic(admin, topic, { partitions: 2 })
  await fill(topic, [0, 1])
  const record = newRecord()
  const consumer = { metadataMaxAge: 1_000 }
  const pool = await startPool({
    assign: [{ topic, partitions: [0, 1] }],
    handler: record.handler,
    workers: 1,
    consumer,
  })
  await until(() => pool.status().totals.finished === 10, { what: 'the messages of the first topic' })
  await admin.deleteTopics({ topics: [topic] })
  await until(() => held(pool)[0]?.length === 0, { what: 'the partitions to be gone', deadlineMs: 60_000 })
  await makeTopic(admin, topic, { partitions: 2 })
  await fill(topic, [0, 1], 3)
  await until(() => pool.status().totals.finished === 16, {
    what: 'the messages of the second topic',
    deadlineMs: 60_000,
  })
  await until(() => pool.status().state === 'running', { what: 'the pool to be well' })
})
