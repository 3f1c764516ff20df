import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, produce } from '../../support/cluster/index.js'
import { producedIn, startTraffic } from '../../support/cluster/traffic.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord, type TestRecord } from '../../support/pool/record.js'

const messages = (count: number, value: string, partition = 0) =>
  Array.from({ length: count }, () => ({ partition, value }))

const finishedOf = (record: TestRecord, partition = 0): number[] =>
  record
    .read()
    .filter((handling) => handling.partition === partition && handling.outcome === 'finished')
    .map(({ offset }) => offset)

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, n) => from + n)

test('back and forth: what comes after it is handled once more, in order, and is not undone by a thread that dies', async () => {
  const topic = await createTopic({ partitions: 2 })
  const record = newRecord()
  await produce(topic, messages(200, 'block:1'))
  const pool = await startPool({ topics: [topic], handler: record.handler, workers: 1 })
  await record.untilNothingIsLost(await producedIn(topic))

  expect(await pool.pool.seek(topic, 0, 50)).toBe('50')
  const stored = (await committed(pool.groupId, topic)).get(0) ?? -1n
  expect(stored >= 50n && stored < 200n, `committed at ${stored}`).toBe(true)
  const before = record.read().length
  await until(() => record.read().length > before + 10, { what: 'it to go on' })
  await produce(topic, [{ partition: 1, value: 'uncaught-once' }])
  await until(() => pool.heard('slot:recovered').length > 0, { what: 'the slot to recover' })
  await until(() => finishedOf(record).filter((offset) => offset === 199).length === 2, { what: 'the end, again' })
  const inFlight = pool.crashes().flatMap((crash) => crash.inFlight)
  const again = finishedOf(record).slice(200)
  const repeated = again.filter((offset, n) => n > 0 && offset === again[n - 1])
  expect(again.filter((offset, n) => n === 0 || offset !== again[n - 1])).toEqual(range(50, 200))
  for (const offset of repeated)
    expect(inFlight).toContainEqual(expect.objectContaining({ partition: 0, offset: `${offset}` }))

  const behind = record.read().length
  expect(await pool.pool.seek(topic, 0, 'beginning')).toBe('0')
  await until(() => record.read().length > behind + 10, { what: 'it to begin again' })
  expect(await pool.pool.seek(topic, 0, 'end')).toBe('200')
  expect((await committed(pool.groupId, topic)).get(0)).toBe(200n)
  await produce(topic, messages(1, 'plain'))
  await until(() => finishedOf(record).includes(200), { what: 'the message after the end' })
  expect(record.verdict(await producedIn(topic)).overlapping).toEqual([])
  expect(pool.status()).toMatchObject({ state: 'running', totals: { rebalances: 0, failed: 0 } })
})

test('what is in flight there is told to give up, and is no failure', async () => {
  const topic = await createTopic({ partitions: 1 })
  const record = newRecord()
  await produce(topic, [...messages(1, 'steps:100000'), ...messages(5, 'plain')])
  const pool = await startPool({ topics: [topic], handler: record.handler, workers: 1 })
  await until(() => record.read().length > 0, { what: 'the first one to begin' })
  expect(await pool.pool.seek(topic, 0, 3)).toBe('3')
  await until(() => finishedOf(record).includes(5), { what: 'those behind it' })
  expect(record.read().map(({ offset, outcome }) => [offset, outcome])).toEqual([
    [0, 'failed'],
    [3, 'finished'],
    [4, 'finished'],
    [5, 'finished'],
  ])
  expect(pool.status().totals).toMatchObject({ failed: 0, retried: 0, dropped: 1 })
  expect(pool.heard('message:failed')).toEqual([])
})

test('to a moment is to the first message that is not older, and to the end when there is none', async () => {
  const topic = await createTopic({ partitions: 1 })
  const record = newRecord()
  const at = (ms: number) => ({ partition: 0, value: 'plain', timestamp: String(1_700_000_000_000 + ms) })
  for (const ms of [0, 1_000, 2_000]) await produce(topic, [at(ms), at(ms + 1)])
  const pool = await startPool({ topics: [topic], handler: record.handler, workers: 1 })
  await record.untilNothingIsLost(await producedIn(topic))
  expect(await pool.pool.seek(topic, 0, { timestamp: 1_700_000_000_500 })).toBe('2')
  await until(() => finishedOf(record).length === 10, { what: 'those after that' })
  expect(await pool.pool.seek(topic, 0, { timestamp: new Date(1_700_000_002_000) })).toBe('4')
  expect(await pool.pool.seek(topic, 0, { timestamp: Date.now() + 60_000 })).toBe('6')
  await expect(pool.pool.seek(topic, 0, 7)).rejects.toMatchObject({
    code: 'KCP_OFFSET_OUT_OF_RANGE',
    message: expect.stringContaining('has the offsets 0 to 5, and ends at 6'),
  })
})

test('again and again under load, with threads that die and members that come and go, nothing is lost', async () => {
  const topic = await createTopic({ partitions: 4 })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, assignors: ['cooperative-sticky'] }
  const pool = await startPool({ ...options, workers: 2 })
  const traffic = await startTraffic(topic, { partitions: 4, value: 'block:1', everyMs: 10 })
  await until(() => record.read().length > 200, { what: 'something to go back to' })
  const outcomes: string[] = []
  for (let n = 0; n < 12; n++) {
    const partition = n % 4
    const back = Number((await committed(pool.groupId, topic)).get(partition) ?? 0n) - 5
    const sought = pool.pool.seek(topic, partition, Math.max(0, back)).then(
      () => 'done',
      (error: { code: string }) => error.code,
    )
    if (n === 3 || n === 7) await produce(topic, [{ partition, value: 'uncaught-once' }])
    if (n === 5) {
      const second = await startPool({ ...options, groupId: pool.groupId, workers: 1 })
      await second.pool.stop()
    }
    outcomes.push(await sought)
  }
  expect(outcomes.filter((outcome) => outcome === 'done').length).toBeGreaterThanOrEqual(10)
  expect(outcomes.filter((outcome) => outcome !== 'done' && outcome !== 'KCP_PARTITION_NOT_HELD')).toEqual([])
  const produced = await traffic.stop()
  const verdict = await record.untilNothingIsLost(produced, { crashes: pool.crashes() })
  expect(verdict).toMatchObject({ lost: [], overlapping: [], unknown: [] })
  await until(
    async () => {
      const stored = await committed(pool.groupId, topic)
      return produced.every(({ partition, to }) => stored.get(partition) === BigInt(to))
    },
    { what: 'all to be committed' },
  )
})
