import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, describeGroup, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const SLOTS = 4
const PARTITIONS = 8
const ROUNDS = 80

/** How often each way to die is met, and what the pool calls it. */
const DEATHS = {
  'uncaught-once': 'KCP_THREAD_CRASHED',
  'unhandled-once': 'KCP_THREAD_CRASHED',
  'exit-once': 'KCP_THREAD_EXITED',
  'loop-once': 'KCP_HANDLER_HUNG',
  'oom-once': 'KCP_THREAD_OUT_OF_MEMORY',
} as const
const TIMES = 2

/** Plain messages, and each death several times, spread over the partitions and the time. */
const load = () => {
  const deaths = Array.from({ length: TIMES }, () => Object.keys(DEATHS)).flat()
  const everyNth = Math.floor((PARTITIONS * ROUNDS) / (deaths.length + 1))
  return Array.from({ length: PARTITIONS * ROUNDS }, (_, n) => ({
    partition: n % PARTITIONS,
    value: (n % everyNth === 0 && n > 0 ? deaths[n / everyNth - 1] : undefined) ?? 'block:3',
  }))
}

test.each([
  ['dynamic', {}],
  ['static', { groupInstanceId: 'node' }],
])('crashes under load cost a group of %s members no rebalance and no message', async (_, consumer) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  await produce(topic, load())
  const record = newRecord()
  const observed = await startPool({
    consumer,
    workers: SLOTS,
    topics: [topic],
    handler: record.handler,
    // Long enough that a thread short of memory dies of that, however slow the machine.
    maxProcessingMs: 10_000,
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
    restart: { delayMs: 10, maxDelayMs: 100, maxRestarts: 100, maxPoolRestarts: 1_000 },
  })
  const { groupId, pool, heard } = observed
  const before = await untilStable(groupId, SLOTS)
  const identities = pool.status().slots.map(({ seat }) => [seat.memberId, seat.instanceId, seat.generation])

  const verdict = await record.untilNothingIsLost(await producedIn(topic), { deadlineMs: 90_000 })
  const crashes = Object.keys(DEATHS).length * TIMES
  await until(() => heard('slot:recovered').length === crashes, { what: 'every crash to be healed' })
  expect(verdict.counts.finished).toBe(PARTITIONS * ROUNDS)

  // What the group saw: nothing.
  expect(await describeGroup(groupId)).toEqual(before)
  await expectBrokerAgrees(before, observed)
  expect(pool.status().totals).toMatchObject({ rebalances: 0, restarts: crashes, failed: 0, lostThreads: 0 })
  expect(pool.status().slots.map(({ seat }) => [seat.memberId, seat.instanceId, seat.generation])).toEqual(identities)

  // What was repeated: what was in flight at a crash, and nothing else.
  const { unexcused, startedTwice, overlapping, outOfOrder, unknown } = record.verdict(
    await producedIn(topic),
    observed.crashes(),
  )
  expect({ unexcused, overlapping, outOfOrder, unknown }).toEqual({
    unexcused: [],
    overlapping: [],
    outOfOrder: [],
    unknown: [],
  })
  const inFlight = observed.crashes().flatMap((crash) => crash.inFlight)
  expect(inFlight.map(place)).toEqual(expect.arrayContaining(startedTwice.map(place)))

  // What the pool said about each crash.
  expect(heard('slot:crashed')).toHaveLength(crashes)
  for (const crash of heard('slot:crashed')) expect(crash.inFlight).toHaveLength(1)
  const codes = heard('slot:crashed').map(({ error }) => error.code)
  expect(codes.sort()).toEqual(
    Array.from({ length: TIMES }, () => Object.values(DEATHS))
      .flat()
      .sort(),
  )
  for (const { by } of heard('slot:recovered')) expect(by).toBe('handover')

  // Who it was each time: a fresh client id, and the same member.
  const ready = heard('slot:ready')
  expect(ready).toHaveLength(SLOTS + crashes)
  expect(new Set(ready.map(({ clientId }) => clientId)).size).toBe(ready.length)
  for (const { slot, restarts, incarnation, seat } of pool.status().slots) {
    const own = ready.filter((event) => event.slot === slot)
    expect(own.map((event) => event.incarnation)).toEqual(own.map((_, n) => n + 1))
    expect(new Set(own.map((event) => event.memberId))).toEqual(new Set([seat.memberId]))
    expect(new Set(own.map((event) => event.instanceId))).toEqual(new Set([seat.instanceId]))
    expect(restarts).toBe(own.length - 1)
    expect(incarnation).toBe(own.length)
  }
})

const place = ({ partition, offset }: { partition: number; offset: number | string | bigint }): string =>
  `${partition}@${offset}`
