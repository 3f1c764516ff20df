import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { adminClient, committed, createTopic, produce } from '../../support/cluster/index.js'
import { startPool, untilStable } from '../../support/pool/pool.js'
import { startPoolProcess } from '../../support/pool/pool-process.js'
import { newRecord } from '../../support/pool/record.js'

const RESTART = { delayMs: 10, maxDelayMs: 50 }

const poisonedTopic = async (partitions = 1) => {
  const topic = await createTopic({ partitions })
  await produce(topic, [
    { partition: 0, value: 'plain' },
    { partition: 0, value: 'exit' },
    { partition: 0, value: 'plain' },
    ...Array.from({ length: partitions - 1 }, (_, n) => ({ partition: n + 1, value: 'plain' })),
  ])
  return topic
}

test('without a dead-letter topic the partition stands still and says so, the others go on; a new pool tries the message once more', async () => {
  const topic = await poisonedTopic(2)
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 1, restart: RESTART }
  const first = await startPool(options)
  const { pool, groupId, heard, status } = first
  const paused = () => heard('partition:paused')
  await until(() => paused().length > 0, { what: 'the partition to stand still' })
  expect(paused()).toMatchObject([
    {
      ...{ topic, partition: 0, reason: 'poisoned', offset: '1', attempts: 3, retries: 0, retryInMs: null },
      error: { code: 'KCP_MESSAGE_POISONED', cause: { code: 'KCP_THREAD_EXITED' } },
    },
  ])
  expect(heard('slot:crashed').map(({ inFlight }) => inFlight.map(({ offset }) => offset))).toEqual([
    ['1'],
    ['1'],
    ['1'],
  ])
  await until(() => status().slots[0]?.state === 'running', { what: 'the last thread' })
  expect(status().state).toBe('degraded')
  expect(status().slots[0]?.assignment[0]?.paused).toMatchObject({ reason: 'poisoned', offset: '1', attempts: 3 })
  await produce(topic, [{ partition: 1, value: 'plain' }])
  await until(async () => (await committed(groupId, topic)).get(1) === 2n, { what: 'the other one', everyMs: 50 })
  expect((await committed(groupId, topic)).get(0)).toBe(1n)

  // Somebody wants it tried.
  expect(pool.resume(topic, 0)).toBe(true)
  await until(() => paused().length === 2, { what: 'the partition to stand still again' })
  expect(heard('slot:crashed')).toHaveLength(4)
  expect(paused()[1]).toMatchObject({ offset: '1', attempts: 4, retries: 1 })
  expect([heard('slot:parked'), heard('pool:escalated')]).toEqual([[], []])
  await pool.stop()

  const second = await startPool({ ...options, groupId })
  await until(() => second.heard('partition:paused').length > 0, { what: 'the next pool to stand still' })
  expect(second.heard('slot:crashed')).toHaveLength(1)
  expect(second.heard('partition:paused')).toMatchObject([{ reason: 'poisoned', offset: '1', attempts: 5 }])
  await second.pool.stop()

  // The deployment that mends it.
  const third = await startPool({
    ...options,
    groupId,
    handler: new URL(`../../support/handlers/tell.mjs?channel=${groupId}`, import.meta.url),
    onExhausted: 'skip',
    retry: { attempts: 1 },
  })
  await until(async () => (await committed(groupId, topic)).get(0) === 3n, { what: 'the rest', everyMs: 50 })
  expect([third.heard('slot:crashed'), third.heard('partition:paused')]).toEqual([[], []])
})

test('a rebalance alone gives it no further thread to kill', async () => {
  const topic = await poisonedTopic(2)
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 1, restart: RESTART }
  // It is there when the message is convicted, and has no partition: the other pool is alone in the group.
  const groupId = `group-${topic}`
  const first = await startPool({ ...options, groupId })
  const second = await startPool({ ...options, groupId })
  const pools = [first, second]
  const pausedIn = () => pools.filter(({ heard }) => heard('partition:paused').length > 0)
  await until(() => pausedIn().length === 1, { what: 'the partition to stand still' })
  await untilStable(groupId, 2)
  const [there] = pausedIn()
  const other = pools.find((pool) => pool !== there)
  const crashes = () => pools.reduce((sum, { heard }) => sum + heard('slot:crashed').length, 0)
  const before = crashes()
  await until(async () => (await committed(groupId, topic)).get(0) === 1n, { what: 'what is before it', everyMs: 50 })
  await there?.pool.stop()
  await until(() => other?.heard('partition:paused')[0], { what: 'the other one to say so' })
  expect(other?.heard('partition:paused')).toMatchObject([{ reason: 'poisoned', offset: '1', attempts: 3 }])
  await until(() => other?.status().slots[0]?.assignment.length === 2, { what: 'both partitions' })
  expect(crashes()).toBe(before)
})

test('a process that is killed hands its count on', async () => {
  const topic = await poisonedTopic()
  const record = newRecord()
  const groupInstanceId = 'node'
  const first = await startPoolProcess({
    ...{ topics: [topic], handler: record.handler, workers: 1, consumer: { groupInstanceId } },
    ...{ convictAfter: 4, restart: { delayMs: 60_000, maxDelayMs: 60_000 } },
  })
  // The first death bears fruit, after the second the slot restarts at once, after the third it waits.
  const admin = await adminClient()
  const deaths = async () => {
    const [answer] = await admin.fetchOffsets({ groupId: first.groupId, topics: [topic] })
    return /"deaths":(\d)/.exec(answer?.partitions[0]?.metadata ?? '')?.[1]
  }
  await until(async () => (await deaths()) === '3', { what: 'three deaths', everyMs: 50 })
  await first.kill()
  const second = await startPool({
    ...{ topics: [topic], handler: record.handler, workers: 1, groupId: first.groupId, restart: RESTART },
    ...{ consumer: { groupInstanceId }, convictAfter: 4 },
  })
  await until(() => second.heard('partition:paused').length > 0, { what: 'the partition to stand still' })
  expect(second.heard('slot:crashed')).toHaveLength(1)
  expect(second.heard('partition:paused')).toMatchObject([{ reason: 'poisoned', attempts: 4 }])
})
