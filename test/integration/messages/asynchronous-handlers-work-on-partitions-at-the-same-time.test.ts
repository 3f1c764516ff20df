import { expect, test } from 'vitest'
import type { Handling } from '#scripts/support/recorder.js'
import { until } from '#scripts/support/until.js'
import { committed, createTopic, produce } from '../../support/cluster/index.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6
const ROUNDS = 25
const CONCURRENCY = 4

/** How many handlings of these were under way at once, at the most. */
const depth = (handlings: readonly Handling[]): number => {
  const steps = handlings.flatMap(({ startMs, endMs }) => [
    { atMs: startMs, step: 1 },
    { atMs: endMs ?? Number.POSITIVE_INFINITY, step: -1 },
  ])
  steps.sort((a, b) => a.atMs - b.atMs || a.step - b.step)
  let now = 0
  return Math.max(...steps.map(({ step }) => (now += step)))
}

const produced = (topic: string) =>
  Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, from: 0, to: ROUNDS }))

const messages = (valueAt: (partition: number, round: number) => string) =>
  Array.from({ length: PARTITIONS * ROUNDS }, (_, n) => {
    const partition = n % PARTITIONS
    return { partition, value: valueAt(partition, Math.floor(n / PARTITIONS)) }
  })

test('with concurrency 4 four partitions are handled at once, each in its order and one message at a time', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  await produce(
    topic,
    messages(() => 'sleep:10'),
  )
  const record = newRecord()
  const { pool, groupId } = await startPool({
    ...{ topics: [topic], handler: record.handler },
    ...{ workers: 1, concurrency: CONCURRENCY },
  })
  const verdict = await record.untilNothingIsLost(produced(topic))
  expect(verdict).toMatchObject({ lost: [], repeated: [], startedTwice: [], outOfOrder: [], overlapping: [] })
  const handlings = record.read()
  expect(depth(handlings)).toBe(CONCURRENCY)
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const own = handlings.filter((handling) => handling.partition === partition)
    expect(depth(own)).toBe(1)
    expect(own.map(({ offset }) => offset)).toEqual(own.map((_, n) => n))
  }
  await pool.stop()
  expect([...(await committed(groupId, topic)).values()]).toEqual(Array(PARTITIONS).fill(BigInt(ROUNDS)))
})

test('a crash while several are in flight loses nothing and repeats only those', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  await produce(
    topic,
    messages((partition, round) =>
      round === 5 + 5 * partition && partition < 3
        ? (['exit-once', 'uncaught-once', 'unhandled-once'][partition] ?? '')
        : 'sleep:10',
    ),
  )
  const record = newRecord()
  const { pool, heard, crashes } = await startPool({
    ...{ topics: [topic], handler: record.handler },
    ...{ workers: 1, concurrency: CONCURRENCY },
  })
  await record.untilNothingIsLost(produced(topic))
  await until(() => heard('slot:recovered').length === 3, { what: 'three recoveries' })
  expect(crashes()).toHaveLength(3)
  const inFlight = crashes().map((crash) => crash.inFlight)
  for (const messagesInFlight of inFlight) {
    expect(messagesInFlight.length).toBeLessThanOrEqual(CONCURRENCY)
    expect(new Set(messagesInFlight.map(({ partition }) => partition)).size).toBe(messagesInFlight.length)
  }
  expect(Math.max(...inFlight.map(({ length }) => length))).toBeGreaterThan(1)
  const { unexcused, outOfOrder, startedTwice } = record.verdict(produced(topic), crashes())
  expect({ unexcused, outOfOrder }).toEqual({ unexcused: [], outOfOrder: [] })
  expect(startedTwice.length).toBeGreaterThanOrEqual(3)
  expect(startedTwice.length).toBeLessThanOrEqual(inFlight.flat().length)
  expect(pool.status().totals).toMatchObject({ rebalances: 0, lag: '0' })
})
