import { expect, test } from 'vitest'
import { createTopic, describeGroup, produce } from '../support/kafka.js'
import { startPool, untilStable } from '../support/pool.js'
import { newRecord } from '../support/record.js'
import { until } from '../support/until.js'

const RESTART = { delayMs: 50, maxDelayMs: 2_000, maxRestarts: 4, probeMs: 1_000 }

/** Crashes of a slot that come so close after one another that only the delays are between them. */
const DELAYS_MS = [0, 50, 100, null]

test('a slot that a message kills every time backs off, is parked, and is tried again; others take its partitions', async () => {
  const topic = await createTopic({ partitions: 2 })
  await produce(topic, [{ partition: 0, value: 'exit' }])
  const record = newRecord()
  const { pool, groupId, heard } = await startPool({
    topics: [topic],
    handler: record.handler,
    workers: 2,
    // The message goes on killing: the slot that it is moved to has its own crashes and is parked in its turn.
    restart: { ...RESTART, probeMs: 60_000, maxPoolRestarts: 100 },
  })
  await until(() => heard('slot:parked').length === 1, { what: 'the first slot to be parked' })
  const [parked] = heard('slot:parked')
  expect(parked).toMatchObject({ groupId, retryInMs: 60_000, error: { code: 'KCP_THREAD_EXITED' } })
  const own = heard('slot:crashed').filter(({ slot }) => slot === parked?.slot)
  // ± 20 %, and none at all after the first.
  expect(own.map(({ restartInMs }) => restartInMs === null)).toEqual(DELAYS_MS.map((delay) => delay === null))
  own.forEach(({ restartInMs }, n) => {
    expect(restartInMs ?? 0).toBeGreaterThanOrEqual((DELAYS_MS[n] ?? 0) * 0.8)
    expect(restartInMs ?? 0).toBeLessThanOrEqual((DELAYS_MS[n] ?? 0) * 1.2)
  })
  const group = await untilStable(groupId, 1)
  expect(group.members[0]?.assignment).toEqual({ [topic]: [0, 1] })
  const status = pool.status()
  expect(status.slots.find(({ slot }) => slot === parked?.slot)).toMatchObject({
    state: 'parked',
    threadId: null,
    assignment: [],
    lastError: { code: 'KCP_THREAD_EXITED' },
  })

  await until(() => heard('pool:escalated').length > 0, { what: 'the pool to escalate' })
  expect(pool.status().state).toBe('escalated')
  expect(pool.status().slots.map(({ state }) => state)).toEqual(['parked', 'parked'])
  expect(heard('pool:escalated')).toMatchObject([{ error: { code: 'KCP_POOL_ESCALATED' } }])
  expect(heard('pool:escalated')[0]?.error.message).toContain('all 2 slots are parked')
  await until(async () => (await describeGroup(groupId)).members.length === 0, { what: 'the group to be empty' })
  await pool.stop()
  expect(heard('pool:escalated')).toHaveLength(1)
  expect(heard('pool:stopped')).toHaveLength(1)
})

test('a parked slot that is tried again and works takes part as before', async () => {
  const topic = await createTopic({ partitions: 2 })
  const record = newRecord()
  // Six different messages, each of which kills once: no thread ever finishes one, until the last is through.
  await produce(
    topic,
    Array.from({ length: 6 }, () => ({ partition: 0, value: 'loop' })),
  )
  const { pool, groupId, heard } = await startPool({
    topics: [topic],
    handler: record.handler,
    workers: 1,
    maxProcessingMs: 50,
    restart: { ...RESTART, maxRestarts: 2, probeMs: 300 },
    onExhausted: 'skip',
  })
  await until(() => heard('slot:parked').length >= 3, { what: 'two probes to fail' })
  expect(heard('pool:escalated')).toHaveLength(1)
  expect(heard('slot:parked').map(({ retryInMs }) => retryInMs)).toEqual(heard('slot:parked').map(() => 300))
  // A person mends it: passes the message over.
  const admin = await import('../support/kafka.js').then(({ adminClient }) => adminClient())
  await until(
    async () => {
      try {
        await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '6' }] })
        return true
      } catch {
        return false // only while the slot is parked is the group empty
      }
    },
    { what: 'a moment in which the slot is parked' },
  )
  await produce(topic, [{ partition: 0, value: 'plain' }])
  await until(() => record.read().some(({ offset, outcome }) => offset === 6 && outcome === 'finished'), {
    what: 'the message after the killers',
  })
  expect(pool.status().slots[0]).toMatchObject({ state: 'running' })
  expect(pool.status().totals.lag).toBe('0')
  expect(heard('pool:escalated')).toHaveLength(1)
})
