import { expect, test } from 'vitest'
import { machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { createTopic, describeGroup, produce } from '../../support/cluster/index.js'
import { producedIn, startTraffic } from '../../support/cluster/traffic.js'
import { startPool, untilStable } from '../../support/pool/pool.js'
import { startPoolProcess } from '../../support/pool/pool-process.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 4

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

const backlog = (rounds: number, value: string) =>
  Array.from({ length: rounds * PARTITIONS }, (_, n) => ({ partition: n % PARTITIONS, value }))

test('a pool of processes that is stopped in the middle and started again repeats and loses nothing', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  await produce(topic, backlog(100, 'block:3'))
  const record = newRecord()
  const options = { isolation: 'process', topics: [topic], handler: record.handler, workers: 2 } as const
  const first = await startPool(options)
  await until(() => record.read().length > 50, { what: 'some work' })
  const pids = first.status().slots.map(({ threadId }) => threadId ?? Number.NaN)
  expect(pids.every(isAlive)).toBe(true)
  expect(pids).not.toContain(process.pid)
  await first.pool.stop()
  expect(pids.some(isAlive)).toBe(false)

  const second = await startPool({ ...options, groupId: first.groupId })
  const { startedTwice } = await record.untilNothingIsLost(await producedIn(topic))
  expect(startedTwice).toEqual([])
  expect(second.status().totals.restarts).toBe(0)
})

test('a handler that blocks its process hears that it shall give up, and is done before it is ended', async () => {
  const topic = await createTopic({ partitions: 1 })
  await produce(topic, [{ partition: 0, value: 'cancelled' }])
  const record = newRecord()
  const { pool, heard } = await startPool({
    isolation: 'process',
    topics: [topic],
    handler: record.handler,
    workers: 1,
    drainTimeoutMs: 3_000,
  })
  await until(() => record.read().length === 1, { what: 'the handler to begin' })
  await pool.stop()
  expect(record.read()).toMatchObject([{ outcome: 'finished' }])
  expect(heard('offsets:committed').at(-1)?.offsets).toMatchObject([{ partition: 0, offset: '1' }])
})

test('when a pool is killed no process of it is left, and the next one has its place and loses nothing', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = {
    isolation: 'process',
    topics: [topic],
    handler: record.handler,
    workers: 2,
    consumer: { groupInstanceId: 'killed', sessionTimeout: 120_000 },
  } as const
  const killed = await startPoolProcess(options)
  const before = await untilStable(killed.groupId, 2)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS, value: 'block:2', everyMs: 50 })
  await until(() => record.read().length > 50, { what: 'some work' })
  // One of them is in the midst of a message that takes long.
  const [{ baseOffset = '' } = {}] = await produce(topic, [{ partition: 0, value: 'loop-once' }])
  await until(() => record.read().some(({ partition, offset }) => partition === 0 && offset === Number(baseOffset)), {
    what: 'the one that takes long',
  })
  const pids = (await killed.status()).slots.map(({ threadId }) => threadId ?? Number.NaN)
  await killed.kill()
  await until(() => !pids.some(isAlive), { what: 'its processes to end', deadlineMs: 5_000 })

  const again = await startPoolProcess({ ...options, groupId: killed.groupId })
  const verdict = await record.untilNothingIsLost(await traffic.stop())
  expect((await untilStable(killed.groupId, 2)).generation).toBe(before.generation)
  expect((await again.status()).totals.rebalances).toBe(0)
  expect(verdict).toMatchObject({ lost: [], unknown: [], overlapping: [] })
})

test('while the pool alone is frozen for longer than its session its processes start nothing that others own by then', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const consumer = { sessionTimeout: 3_000, heartbeatInterval: 300 }
  const options = { topics: [topic], handler: record.handler, workers: 1, consumer }
  const frozen = await startPoolProcess({ ...options, isolation: 'process' })
  await produce(topic, backlog(60, 'block:50'))
  const traffic = await startTraffic(topic, { partitions: PARTITIONS, value: 'block:50', everyMs: 400 })
  const other = await startPool({ ...options, groupId: frozen.groupId })
  await untilStable(frozen.groupId, 2)
  const pid = (await frozen.status()).slots[0]?.threadId
  await until(() => record.read().some((handling) => handling.pid === pid), { what: 'its work' })

  const frozenAtMs = machineMs()
  frozen.freeze()
  await until(async () => (await describeGroup(frozen.groupId)).members.length === 1, {
    what: 'its member to be missed',
  })
  const missedAtMs = machineMs()
  await untilStable(frozen.groupId, 1)
  const theirs = () => record.read().filter((handling) => handling.pid !== pid && handling.startMs > missedAtMs)
  await until(() => new Set(theirs().map(({ partition }) => partition)).size === PARTITIONS, {
    what: 'the other one to take over',
  })
  const thawedAtMs = machineMs()
  frozen.thaw()
  await untilStable(frozen.groupId, 2)
  const verdict = await record.untilNothingIsLost(await traffic.stop(), { deadlineMs: 90_000 })

  expect(verdict).toMatchObject({ lost: [], unknown: [], overlapping: [] })
  // It went on for as long as its lease was, and not for longer.
  const starts = record.read().flatMap((handling) => (handling.pid === pid ? [handling.startMs] : []))
  expect(starts.some((startMs) => startMs > frozenAtMs + 100)).toBe(true)
  expect(starts.filter((startMs) => startMs > missedAtMs && startMs < thawedAtMs)).toEqual([])
  expect(other.status().slots[0]?.restarts).toBe(0)
}, 180_000)
