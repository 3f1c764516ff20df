import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, describeGroup, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const SLOTS = 2
const PARTITIONS = 4
const ROUNDS = 60

/** What kills a process, or what its thread does where a thread of the pool's own process would end all or be lost. */
const DEATHS = {
  'signal-once:9': ['KCP_THREAD_CRASHED', 'SIGKILL'],
  'signal-once:11': ['KCP_THREAD_CRASHED', 'SIGSEGV'],
  'signal-once:6': ['KCP_THREAD_CRASHED', 'SIGABRT'],
  'huge-once': ['KCP_THREAD_OUT_OF_MEMORY', 'V8 aborted'],
  'stuck-once': ['KCP_HANDLER_HUNG', 'maxProcessingMs'],
  // As in a thread:
  'uncaught-once': ['KCP_THREAD_CRASHED', 'the message said: uncaught'],
  'unhandled-once': ['KCP_THREAD_CRASHED', 'the message said: unhandled'],
  'exit-once': ['KCP_THREAD_EXITED', 'exit code 7'],
  'loop-once': ['KCP_HANDLER_HUNG', 'maxProcessingMs'],
  'oom-once': ['KCP_THREAD_OUT_OF_MEMORY', 'resourceLimits'],
} as const

const load = () => {
  const deaths = Object.keys(DEATHS)
  const everyNth = Math.floor((PARTITIONS * ROUNDS) / (deaths.length + 1))
  return Array.from({ length: PARTITIONS * ROUNDS }, (_, n) => ({
    partition: n % PARTITIONS,
    value: (n % everyNth === 0 && n > 0 ? deaths[n / everyNth - 1] : undefined) ?? 'block:2',
  }))
}

const place = ({ partition, offset }: { partition: number; offset: number | string | bigint }) =>
  `${partition}@${offset}`

test('processes that die in every way cost a group no rebalance and no message, and repeat what was in flight', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  await produce(topic, load())
  const record = newRecord()
  const { pool, groupId, heard, crashes } = await startPool({
    isolation: 'process',
    workers: SLOTS,
    topics: [topic],
    handler: record.handler,
    maxProcessingMs: 8_000,
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 },
    restart: { delayMs: 10, maxDelayMs: 100, maxRestarts: 100, maxPoolRestarts: 1_000 },
  })
  const before = await untilStable(groupId, SLOTS)
  const deaths = Object.values(DEATHS).length
  await record.untilNothingIsLost(await producedIn(topic), { deadlineMs: 110_000 })
  await until(() => heard('slot:recovered').length === deaths, { what: 'every death to be healed', deadlineMs: 30_000 })

  expect(await describeGroup(groupId)).toEqual(before)
  expect(pool.status().totals).toMatchObject({ rebalances: 0, restarts: deaths, failed: 0, lostThreads: 0 })
  expect(heard('slot:recovered').map(({ by }) => by)).toEqual(heard('slot:crashed').map(() => 'handover'))

  const { unexcused, startedTwice, overlapping, outOfOrder, unknown } = record.verdict(
    await producedIn(topic),
    crashes(),
  )
  expect({ unexcused, overlapping, outOfOrder, unknown }).toEqual({
    unexcused: [],
    overlapping: [],
    outOfOrder: [],
    unknown: [],
  })
  // What was in flight is known of each, and is all that was started again.
  for (const { inFlight } of crashes()) expect(inFlight).toHaveLength(1)
  const inFlight = crashes().flatMap((crash) => crash.inFlight)
  expect(startedTwice.map(place).sort()).toEqual(inFlight.map(place).sort())

  const told = heard('slot:crashed').map(({ error }) => error)
  for (const [code, words] of Object.values(DEATHS)) {
    const found = told.findIndex((error) => error.code === code && error.message.includes(words))
    expect(found, `${code} with "${words}" among:\n${told.map(({ message }) => message).join('\n')}`).not.toBe(-1)
    told.splice(found, 1)
  }
}, 180_000)
