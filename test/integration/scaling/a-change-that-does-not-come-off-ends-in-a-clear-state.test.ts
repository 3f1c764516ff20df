import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { beforeAll, expect, it } from 'vitest'
import { machineMs } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { ConsumerPool, type ConsumerPoolOptions, ErrorCode, PoolError } from '#src/index.js'
import { committed, createTopic, describeGroup, produce, uniqueName } from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { failOnLeaks } from '../../support/leaks.js'
import { collectLines } from '../../support/log-lines.js'
import { createPool, startPool, type TestPool, testOptions, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 8
const COOPERATIVE = { assignors: ['cooperative-sticky' as const] }

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

const codeOf = (promise: Promise<unknown>): Promise<string | null> =>
  promise.then(
    () => null,
    (error: unknown) => (error instanceof PoolError ? error.code : String(error)),
  )

const numbersOf = ({ pool }: TestPool) => pool.status().slots.map(({ slot }) => slot)

const begin = async (more: Partial<ConsumerPoolOptions> = {}) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = { topics: [topic], handler: record.handler, workers: 2, ...COOPERATIVE, ...more }
  const pool = await startPool(options)
  await untilStable(pool.groupId, pool.status().slots.length)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS, value: 'block:1' })
  await until(() => pool.status().totals.finished > 50, { what: 'some work' })
  const judge = async () => record.untilNothingIsLost(await traffic.stop(), { crashes: pool.crashes() })
  return { topic, record, options, pool, traffic, judge }
}

const CLEAN = { lost: [], unexcused: [], outOfOrder: [], overlapping: [] }

/** A message that keeps whoever has its partition busy; resolves when it has begun. */
const keepBusy = async (topic: string, record: ReturnType<typeof newRecord>, partition: number, value: string) => {
  await produce(topic, [{ partition, value }])
  await until(
    () =>
      record
        .read()
        .some((each) => each.partition === partition && each.endMs === null && machineMs() - each.startMs > 100),
    { what: 'the message to be in flight' },
  )
}

const partitionOf = ({ pool }: TestPool, number: number): number =>
  pool.status().slots.find(({ slot }) => slot === number)?.assignment[0]?.partition ?? Number.NaN

it.each<[string, ConsumerPoolOptions['workers'], number, number | undefined]>([
  ['none at all', 2, 0, undefined],
  ['a part of one', 2, 1.5, undefined],
  ['more than can be meant', 2, 1_025, undefined],
  ['one of a subscription that is not there', 2, 2, 1],
  ['more than the most', { min: 1, max: 3 }, 4, undefined],
  ['fewer than the least', { min: 2, max: 3 }, 1, undefined],
])('what cannot be is refused, and nothing changes: %s', async (_, workers, slots, subscription) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const made = createPool({ topics: [topic], handler: newRecord().handler, workers })
  expect(await codeOf(made.pool.scale(2))).toBe(ErrorCode.notScaled) // it does not run yet
  await made.pool.start()
  const before = numbersOf(made)
  const options = subscription === undefined ? {} : { subscription }
  expect(await codeOf(made.pool.scale(slots, options))).toBe(ErrorCode.notScaled)
  expect(numbersOf(made)).toEqual(before)
  await made.pool.stop()
  expect(await codeOf(made.pool.scale(2))).toBe(ErrorCode.poolStopped)
})

it('the only slot that is in a group is not removed, for nobody would handle what comes there', async () => {
  const topic = await createTopic({ partitions: 2 })
  const groups = [uniqueName('group'), uniqueName('group')]
  const made = await startPool({
    ...{ topics: [topic], handler: newRecord().handler, workers: 2 },
    perSlot: (slot) => ({ consumer: { groupId: groups[slot] } }),
  })
  expect(await codeOf(made.pool.scale(1))).toBe(ErrorCode.notScaled)
  expect(numbersOf(made)).toEqual([0, 1])
  expect(made.status()).toMatchObject({ state: 'running', subscriptions: [{ slots: 2, wanted: 2 }] })
})

it('of several subscriptions one is named, and grows with the lowest number that is free', async () => {
  const topics = [await createTopic({ partitions: 4 }), await createTopic({ partitions: 4 })] as const
  const { handler } = newRecord()
  const subscriptions = topics.map((topic) => ({ topics: [topic], handler, workers: 1 }))
  const made = await startPool({ subscriptions })
  expect(await codeOf(made.pool.scale(2))).toBe(ErrorCode.notScaled)
  await made.pool.scale(2, { subscription: 0 })
  await made.pool.scale(2, { subscription: 1 })
  expect(made.status().slots.map(({ slot, subscription }) => [slot, subscription])).toEqual([
    [0, 0],
    [1, 1],
    [2, 0],
    [3, 1],
  ])
  await made.pool.scale(1, { subscription: 0 })
  expect(numbersOf(made)).toEqual([0, 1, 3])
  await untilStable(made.groupId, 3)
})

it('slots of which one cannot start are not added, and those that run go on; later they can be', async () => {
  const record = newRecord()
  const broken = join(record.dir, 'broken')
  const handler = join(record.dir, 'handler.mjs')
  writeFileSync(
    handler,
    `import { existsSync } from 'node:fs'
     import handle from ${JSON.stringify(record.handler)}
     export const setup = ({ slot }) => { if (slot === 3 && existsSync(${JSON.stringify(broken)})) throw new Error('no database') }
     export default handle`,
  )
  writeFileSync(broken, '')
  const { pool, traffic } = await begin({ handler: pathToFileURL(handler) })
  const { generation } = await untilStable(pool.groupId, 2)
  expect(await codeOf(pool.pool.scale(4))).toBe(ErrorCode.handlerSetupFailed)
  expect(numbersOf(pool)).toEqual([0, 1])
  expect(pool.status()).toMatchObject({ state: 'running', subscriptions: [{ slots: 2, wanted: 2 }] })
  // Nothing joins before every handler is loaded.
  expect(await untilStable(pool.groupId, 2)).toMatchObject({ generation })
  rmSync(broken)
  expect(existsSync(broken)).toBe(false)
  await pool.pool.scale(4)
  expect(numbersOf(pool)).toEqual([0, 1, 2, 3])
  expect(pool.heard('pool:scaled')).toHaveLength(1)
  const verdict = await record.untilNothingIsLost(await traffic.stop())
  expect(verdict).toMatchObject({ ...CLEAN, repeated: [] })
})

it('of calls that come while one is carried out only the last counts, and all resolve with it', async () => {
  const { pool, judge } = await begin()
  await Promise.all([3, 8, 1, 4].map((slots) => pool.pool.scale(slots)))
  expect(numbersOf(pool)).toEqual([0, 1, 2, 3])
  expect(pool.heard('pool:scaled').map(({ from, to }) => [from, to])).toEqual([
    [2, 3],
    [3, 4],
  ])
  expect(await judge()).toMatchObject({ ...CLEAN, repeated: [] })
})

it('a stop while slots are added ends all of them, and leaves nobody in the group', async () => {
  const { pool, record, traffic } = await begin()
  const scaled = codeOf(pool.pool.scale(6))
  await until(() => numbersOf(pool).length === 6, { what: 'the slots to be there' })
  await pool.pool.stop()
  expect(await scaled).toBe(ErrorCode.poolStopped)
  expect(pool.heard('pool:stopped')).toMatchObject([{ drained: true }])
  expect((await describeGroup(pool.groupId)).members).toEqual([])
  await traffic.stop()
  expect(record.read().filter(({ endMs }) => endMs === null)).toEqual([])
})

it('a stop while a slot is removed waits for what is in flight there, too', async () => {
  const { topic, record, pool, traffic } = await begin({ workers: 3 })
  await keepBusy(topic, record, partitionOf(pool, 2), 'block:3000')
  const scaled = codeOf(pool.pool.scale(2))
  await until(() => pool.status().subscriptions[0]?.slots === 2, { what: 'slot 2 to leave' })
  const ask = codeOf(pool.pool.scale(5)) // never begun
  await pool.pool.stop()
  expect(await ask).toBe(ErrorCode.poolStopped)
  expect(await scaled).toBeNull()
  expect(pool.heard('pool:stopped')).toMatchObject([{ drained: true }])
  expect((await describeGroup(pool.groupId)).members).toEqual([])
  await traffic.stop()
  expect(record.read().filter(({ endMs }) => endMs === null)).toEqual([])
})

it('a slot that is removed although its handler does not come back is gone after the drain, and its message is handled again', async () => {
  const { topic, record, pool, judge } = await begin({ workers: 3, drainTimeoutMs: 1_500 })
  await keepBusy(topic, record, partitionOf(pool, 2), 'block:4000')
  await pool.pool.scale(2)
  expect(numbersOf(pool)).toEqual([0, 1])
  expect(pool.heard('pool:scaled')).toMatchObject([{ afterMs: expect.any(Number) }])
  expect(pool.heard('pool:scaled')[0]?.afterMs).toBeLessThan(1_500 + 3_000)
  await untilStable(pool.groupId, 2)
  expect(await judge()).toMatchObject({ lost: [], overlapping: [] })
})

it('a thread that dies while its slot is removed costs what was in flight, which others handle', async () => {
  const record = newRecord()
  const [begun, handler] = ['begun', 'handler.mjs'].map((name) => join(record.dir, name)) as [string, string]
  writeFileSync(
    handler,
    `import { existsSync, writeFileSync } from 'node:fs'
     import process from 'node:process'
     import handle from ${JSON.stringify(record.handler)}
     export default async (message, context) => {
       if (message.value.toString() !== 'die' || existsSync(${JSON.stringify(begun)})) return handle(message, context)
       writeFileSync(${JSON.stringify(begun)}, '')
       while (!context.cancelled) await new Promise((resolve) => setTimeout(resolve, 10))
       process.exit(7)
     }`,
  )
  const { topic, pool, traffic } = await begin({
    ...{ handler: pathToFileURL(handler), workers: 3, drainTimeoutMs: 3_000 },
  })
  await produce(topic, [{ partition: partitionOf(pool, 2), value: 'die' }])
  await until(() => existsSync(begun), { what: 'the message to be in flight' })
  await pool.pool.scale(2)
  expect(numbersOf(pool)).toEqual([0, 1])
  expect(pool.status()).toMatchObject({ state: 'running', subscriptions: [{ slots: 2, wanted: 2 }] })
  await untilStable(pool.groupId, 2)
  const verdict = await record.untilNothingIsLost(await traffic.stop())
  expect(verdict).toMatchObject({ lost: [], repeated: [], overlapping: [] })
})

it('members that come and go while slots do cost nothing, either', async () => {
  const { options, pool, judge } = await begin({ workers: 1 })
  const other = createPool({ ...options, workers: 2, groupId: pool.groupId })
  await Promise.all([pool.pool.scale(3), other.pool.start()])
  await untilStable(pool.groupId, 5)
  await Promise.all([pool.pool.scale(1), other.pool.scale(1)])
  await untilStable(pool.groupId, 2)
  await Promise.all([pool.pool.scale(4), other.pool.stop()])
  await untilStable(pool.groupId, 4)
  expect(await judge()).toMatchObject({ ...CLEAN, repeated: [] })
})

it('more slots than partitions are added when they are asked for, and the log says so', async () => {
  const topic = await createTopic({ partitions: 2 })
  const { logger, lines } = collectLines()
  const { pool } = await startPool({ topics: [topic], handler: newRecord().handler, workers: 1, logger })
  await pool.scale(3)
  expect(pool.status().state).toBe('running')
  expect(lines.filter(({ msg }) => msg.includes('idle'))).toMatchObject([
    { level: 40, msg: expect.stringContaining(`3 workers share 2 partitions of "${topic}": 1 of them stays idle`) },
  ])
})
