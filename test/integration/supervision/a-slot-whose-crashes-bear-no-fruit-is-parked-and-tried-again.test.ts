import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, describeGroup, produce } from '../../support/cluster/index.js'
import { startPool, untilStable } from '../../support/pool/pool.js'

const RESTART = { delayMs: 50, maxDelayMs: 2_000, maxRestarts: 4, probeMs: 1_000 }

/** Crashes of a slot that come so close after one another that only the delays are between them. */
const DELAYS_MS = [0, 50, 100, null]

/** Threads die while nothing is in flight: no message can be blamed for that. */
const dying = () => {
  const there = join(mkdtempSync(join(tmpdir(), 'dies-idle-')), 'slot-')
  return {
    handler: new URL(`../../support/handlers/bad/dies-idle.mjs?there=${there}`, import.meta.url),
    begin: (slot: number) => writeFileSync(`${there}${slot}`, ''),
    end: (slot: number) => rmSync(`${there}${slot}`),
  }
}

test('a slot whose threads die every time backs off and is parked, others take its partitions, and when all are parked the pool escalates once', async () => {
  const topic = await createTopic({ partitions: 2 })
  const { handler, begin } = dying()
  const { pool, groupId, heard } = await startPool({
    topics: [topic],
    handler,
    workers: 2,
    restart: { ...RESTART, probeMs: 60_000, maxPoolRestarts: 100 },
  })
  begin(0)
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

  begin(1)
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

test('a parked slot is tried again until it works', async () => {
  const topic = await createTopic({ partitions: 1 })
  const { handler, begin, end } = dying()
  const { pool, groupId, heard } = await startPool({
    topics: [topic],
    handler,
    workers: 1,
    restart: { ...RESTART, maxRestarts: 2, probeMs: 1_000 },
  })
  begin(0)
  await until(() => heard('slot:parked').length === 2, { what: 'the slot to be parked again' })
  end(0)
  await produce(topic, [{ value: 'one' }, { value: 'two' }])
  await until(() => pool.status().totals.finished === 2, { what: 'both messages' })
  // Killed twice and parked; tried again, killed, parked at once for twice as long; tried again, and this time it works.
  expect(heard('slot:crashed').map(({ restartInMs }) => restartInMs)).toEqual([0, null, null])
  expect(heard('slot:parked').map(({ retryInMs }) => retryInMs)).toEqual([1_000, 2_000])
  expect(heard('pool:escalated')).toHaveLength(1)
  const group = await untilStable(groupId, 1)
  expect(group.members[0]?.assignment).toEqual({ [topic]: [0] })
  expect(pool.status().slots).toMatchObject([{ state: 'running', incarnation: 4, restarts: 3 }])
  // All is well again, and that is what a user of the library reads.
  await until(() => pool.status().state === 'running', { what: 'the pool to be escalated no more' })
  expect(heard('pool:escalated')).toHaveLength(1)
})

test('a parked slot whose thread cannot get ready is tried again without a word to the group', async () => {
  const topic = await createTopic({ partitions: 2 })
  const there = join(mkdtempSync(join(tmpdir(), 'exits-when-')), 'there')
  const handler = new URL(`../../support/handlers/bad/exits-when.mjs?there=${there}`, import.meta.url)
  const { pool, groupId, heard } = await startPool({
    topics: [topic],
    handler,
    workers: 2,
    restart: { ...RESTART, maxRestarts: 2, maxPoolRestarts: 100, probeMs: 1_000 },
  })
  writeFileSync(there, '')
  await produce(topic, [{ partition: 0, value: 'exit' }])
  await until(() => heard('slot:parked').length === 2, { what: 'both slots to be parked' })
  const joined = heard('group:joined').length
  // Before the group is described, which may take seconds: the pauses between the tries double.
  await until(() => heard('slot:parked').length >= 6, { what: 'more tries' })
  await until(async () => (await describeGroup(groupId)).members.length === 0, { what: 'the group to be empty' })
  expect(heard('group:joined')).toHaveLength(joined)
  rmSync(there)
  await until(() => heard('group:joined').length > joined, { what: 'a slot to come back', deadlineMs: 60_000 })
  await pool.stop()
})
