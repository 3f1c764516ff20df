import { beforeAll, expect, inject, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { ConsumerPool } from '#src/index.js'
import { committed, createTopic, describeGroup, produce } from '../../support/cluster/index.js'
import { startPrivateBroker } from '../../support/cluster/private-broker.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { failOnLeaks } from '../../support/leaks.js'
import { createPool, startPool, testOptions } from '../../support/pool/pool.js'
import { newRecord, type TestRecord } from '../../support/pool/record.js'

const held: ConsumerPool[] = []

beforeAll(async () => {
  // The clients of the test open their connections now, so that they are not taken for leaks.
  const topic = await createTopic({ partitions: 1 })
  await produce(topic, [{ value: 'plain' }])
  await committed('nobody', topic)
  await describeGroup('nobody')
  // And a pino logger that writes to stdout installs a listener for the end of the process, which it keeps while it lives.
  held.push(new ConsumerPool(testOptions({ topics: [topic], handler: './handler.js' })))
})
failOnLeaks()

/** What a stop may take beyond its deadline. */
const BEYOND_MS = 2_000

const timed = async (work: Promise<unknown>): Promise<number> => {
  const beganAtMs = performance.now()
  await work
  return performance.now() - beganAtMs
}

const begun = (record: TestRecord, deed: { partition: number; offset: number }) =>
  until(() => record.read().some(({ partition, offset }) => partition === deed.partition && offset === deed.offset), {
    what: `the handler to begin with ${deed.partition}@${deed.offset}`,
  })

test('stop waits for a handler that takes a second, commits its message, and begins no other', async () => {
  const topic = await createTopic({ partitions: 1 })
  const record = newRecord()
  await produce(topic, [{ value: 'plain' }, { value: 'sleep:1000' }, { value: 'plain' }])
  const { pool, groupId, heard } = await startPool({ topics: [topic], handler: record.handler, workers: 1 })
  await begun(record, { partition: 0, offset: 1 })
  const stopping = pool.stop()
  expect(pool.stop()).toBe(stopping)
  expect(pool.status().state).toBe('stopping')
  await stopping
  expect(record.read().map(({ offset, outcome }) => [offset, outcome])).toEqual([
    [0, 'finished'],
    [1, 'finished'],
  ])
  expect(await committed(groupId, topic)).toEqual(new Map([[0, 2n]]))
  expect((await describeGroup(groupId)).members).toEqual([])

  await pool.stop()
  expect(heard('pool:stopped')).toMatchObject([{ drained: true }])
  expect(pool.status().state).toBe('stopped')
  await expect(pool.start()).rejects.toMatchObject({ code: 'KCP_POOL_STOPPED' })
})

test('stop is bounded when a handler never comes back, and what was finished before is committed', async () => {
  const topic = await createTopic({ partitions: 2 })
  const record = newRecord()
  const messages = [
    ...Array.from({ length: 20 }, (_, n) => ({ partition: n % 2, value: 'plain' })),
    { partition: 0, value: 'loop' },
  ]
  await produce(topic, messages)
  const { pool, groupId, heard } = await startPool({
    topics: [topic],
    handler: record.handler,
    workers: 2,
    drainTimeoutMs: 500,
    // Nothing but the commit of the stop.
    commitIntervalMs: 600_000,
  })
  await begun(record, { partition: 0, offset: 10 })
  await until(() => pool.status().totals.finished === 20, { what: 'everything before the loop' })
  expect(await committed(groupId, topic)).toEqual(new Map())
  const tookMs = await timed(pool.stop())
  expect(tookMs).toBeGreaterThanOrEqual(500)
  expect(tookMs).toBeLessThan(500 + BEYOND_MS)
  expect(await committed(groupId, topic)).toEqual(
    new Map([
      [0, 10n],
      [1, 10n],
    ]),
  )
  expect(heard('pool:stopped')).toMatchObject([{ drained: false }])
  expect((await describeGroup(groupId)).members).toEqual([])
})

test.each([
  ['dynamic', {}],
  ['static', { groupInstanceId: 'node' }],
])('a pool of %s members that is stopped in the middle and started again repeats and loses nothing', async (_, consumer) => {
  const topic = await createTopic({ partitions: 4 })
  const record = newRecord()
  await produce(
    topic,
    Array.from({ length: 400 }, (_, n) => ({ partition: n % 4, value: 'block:2' })),
  )
  const options = { topics: [topic], handler: record.handler, workers: 2, consumer, commitIntervalMs: 600_000 }
  const first = await startPool(options)
  await until(() => first.status().totals.finished >= 50, { what: 'a part of the work', everyMs: 5 })
  await first.pool.stop()
  const done = first.status().totals.finished
  expect(done).toBeLessThan(400)
  const second = await startPool({ ...options, groupId: first.groupId })
  const produced = await producedIn(topic)
  await record.untilNothingIsLost(produced)
  await second.pool.stop()
  expect(record.verdict(produced)).toMatchObject({ lost: [], startedTwice: [], outOfOrder: [], overlapping: [] })
  expect(done + second.status().totals.finished).toBe(400)
  expect([...(await committed(first.groupId, topic)).values()]).toEqual([100n, 100n, 100n, 100n])
})

test.each([
  ['dynamic', {}],
  ['static', { groupInstanceId: 'node', sessionTimeout: 120_000 }],
])('stop during start ends both, the start says why, and no %s member is left behind', async (_, consumer) => {
  const topic = await createTopic({ partitions: 2 })
  const record = newRecord()
  const { pool, groupId, heard } = createPool({ topics: [topic], handler: record.handler, workers: 4, consumer })
  const starting = pool.start().then(
    () => 'it started',
    (error: { code: string }) => error.code,
  )
  // As far into the start as can be: a member of the group.
  await until(() => pool.status().slots.some(({ seat }) => seat.memberId !== ''), { what: 'a member', everyMs: 1 })
  const [tookMs, outcome] = await Promise.all([timed(pool.stop()), starting])
  expect(tookMs).toBeLessThan(BEYOND_MS)
  expect(outcome).toBe('KCP_POOL_STOPPED')
  expect(heard('pool:stopped')).toHaveLength(1)
  await until(async () => (await describeGroup(groupId)).members.length === 0, { what: 'the group to be empty' })
})

test('stop while a slot waits for its restart does not wait for it', async () => {
  const topic = await createTopic({ partitions: 2 })
  const record = newRecord()
  await produce(topic, [{ partition: 0, value: 'exit' }])
  const { pool, groupId, heard } = await startPool({
    topics: [topic],
    handler: record.handler,
    workers: 2,
    restart: { delayMs: 60_000, maxDelayMs: 60_000 },
  })
  await until(() => heard('slot:crashed').length === 2, { what: 'the second crash' })
  expect(heard('slot:crashed')[1]?.restartInMs).toBeGreaterThan(40_000)
  expect(await timed(pool.stop())).toBeLessThan(BEYOND_MS)
  expect((await describeGroup(groupId)).members).toEqual([])
})

test.skipIf(inject('externalBroker'))(
  'stop is bounded while the broker says nothing, and when it is gone',
  async () => {
    const broker = await startPrivateBroker({})
    const topic = await broker.createTopic(2)
    const { handler } = newRecord()
    const options = { topics: [topic], handler, workers: 2, drainTimeoutMs: 500, kafka: { brokers: broker.brokers } }
    const [first, second] = [await startPool(options), await startPool(options)]
    await broker.pause(1)
    expect(await timed(first.pool.stop())).toBeLessThan(500 + BEYOND_MS)
    await broker.kill(1)
    expect(await timed(second.pool.stop())).toBeLessThan(500 + BEYOND_MS)
  },
)

test.skipIf(inject('externalBroker'))(
  'stop commits what is finished to a coordinator that is away and comes back before drainTimeoutMs is over',
  async () => {
    const broker = await startPrivateBroker({})
    const topic = await broker.createTopic(2)
    const record = newRecord()
    await broker.clients.producer.send({ topic, messages: [0, 1].map((partition) => ({ partition, value: 'plain' })) })
    const { pool, groupId, heard } = await startPool({
      topics: [topic],
      handler: record.handler,
      workers: 2,
      drainTimeoutMs: 240_000,
      commitIntervalMs: 600_000,
      kafka: { brokers: broker.brokers },
      // Longer than a start of the broker may take.
      consumer: { sessionTimeout: 200_000 },
    })
    // More than were sent when the broker was slow to answer the producer, which sends again.
    const produced = await producedIn(topic, broker.clients)
    const ends = new Map(produced.map(({ partition, to }) => [partition, to]))
    const all = [...ends.values()].reduce((sum, end) => sum + end, 0)
    await until(() => pool.status().totals.finished === all, { what: 'all messages' })
    await broker.kill(1)
    const stopping = pool.stop()
    await broker.restart(1)
    await stopping
    expect(heard('pool:stopped')).toMatchObject([{ drained: true }])
    // KafkaJS asks for offsets once, and waits no more than five seconds, which a broker that has just started may need.
    const ask = () => broker.clients.admin.fetchOffsets({ groupId, topics: [topic] }).catch(() => null)
    const [answer] = await until(ask, { what: 'the offsets' })
    expect(new Map(answer?.partitions.map(({ partition, offset }) => [partition, Number(offset)]))).toEqual(ends)
  },
  300_000,
)
