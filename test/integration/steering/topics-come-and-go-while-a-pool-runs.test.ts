import { expect, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { adminClient, committed, createTopic, makeTopic, produce, uniqueName } from '../../support/cluster/index.js'
import { producedIn, startTraffic } from '../../support/cluster/traffic.js'
import { startPool, type TestPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const topicsOf = ({ pool }: TestPool): string[] =>
  [...new Set(pool.status().slots.flatMap(({ assignment }) => assignment.map(({ topic }) => topic)))].sort()

const untilTopics = (pool: TestPool, topics: readonly string[]) =>
  until(() => String(topicsOf(pool)) === String([...topics].sort()), {
    what: `the pool to hold ${topics.join(', ')}`,
    everyMs: 20,
  })

test.each([
  ['roundrobin'],
  ['cooperative-sticky'],
])('by pool.subscribe and pool.unsubscribe, under load, with a thread that dies, and nothing is lost or repeated (%s)', async (assignor) => {
  const [first, second] = [await createTopic({ partitions: 4 }), await createTopic({ partitions: 2 })]
  const record = newRecord()
  const pool = await startPool({ topics: [first], handler: record.handler, workers: 2, assignors: [assignor] })
  const loads = [
    await startTraffic(first, { partitions: 4, value: 'block:1' }),
    await startTraffic(second, { partitions: 2, value: 'block:1' }),
  ]
  const handled = (topic: string) => record.read().filter((handling) => handling.topic === topic).length
  await until(() => handled(first) > 20, { what: 'messages' })

  await pool.pool.subscribe(second)
  await untilTopics(pool, [first, second])
  await until(() => handled(second) > 20, { what: 'messages of the second' })
  await pool.pool.subscribe([second]) // nothing new
  await pool.pool.unsubscribe(first)
  await untilTopics(pool, [second])
  const before = handled(first)
  const stored = await committed(pool.groupId, first)
  expect([...stored.values()].reduce((sum, offset) => sum + Number(offset), 0)).toBe(before)
  await produce(second, [{ partition: 0, value: 'uncaught-once' }])
  await until(() => pool.heard('slot:recovered').length > 0, { what: 'the slot to recover' })
  const others = handled(second)
  await until(() => handled(second) > others + 50, { what: 'more of the second' })
  expect(handled(first)).toBe(before)

  await expect(pool.pool.unsubscribe(first)).rejects.toMatchObject({ code: 'KCP_NOT_SUBSCRIBED' })
  await expect(pool.pool.pause(first)).rejects.toMatchObject({ code: 'KCP_NOT_SUBSCRIBED' })
  await expect(pool.pool.subscribe(uniqueName('nowhere'))).rejects.toMatchObject({ code: 'KCP_TOPIC_MISSING' })
  await expect(pool.pool.subscribe('no/name')).rejects.toMatchObject({ code: 'KCP_CONFIG_INVALID' })

  await pool.pool.subscribe(first)
  const produced = (await Promise.all(loads.map((load) => load.stop()))).flat()
  const verdict = await record.untilNothingIsLost(produced, { crashes: pool.crashes() })
  expect(verdict).toMatchObject({ lost: [], unexcused: [], outOfOrder: [], overlapping: [], unknown: [] })
  await until(() => pool.status().state === 'running', { what: 'the pool to be well' })
})

test('by a regular expression: what comes is consumed from its first message, what goes is dropped, and what is not meant is left', async () => {
  const prefix = uniqueName('pattern')
  const admin = await adminClient()
  const make = (name: string, partitions: number) => makeTopic(admin, `${prefix}-${name}`, { partitions })
  await make('a', 2)
  await make('a.dlq', 1)
  await makeTopic(admin, `__${prefix}-a`, { partitions: 1 })
  const record = newRecord()
  const pool = await startPool({
    ...{ topics: [`/${prefix}/`], handler: record.handler, workers: 2, deadLetter: true, fromBeginning: false },
    consumer: { metadataMaxAge: 1_000 },
  })
  expect(topicsOf(pool)).toEqual([`${prefix}-a`])

  await make('b', 2)
  await produce(
    `${prefix}-b`,
    [0, 1, 0, 1].map((partition) => ({ partition, value: 'plain' })),
  )
  await untilTopics(pool, [`${prefix}-a`, `${prefix}-b`])
  const verdict = await record.untilNothingIsLost(await producedIn(`${prefix}-b`))
  expect(verdict).toMatchObject({ lost: [], startedTwice: [], outOfOrder: [] })

  await admin.deleteTopics({ topics: [`${prefix}-b`] })
  await untilTopics(pool, [`${prefix}-a`])
  await until(() => pool.status().state === 'running', { what: 'the pool to be well' })
  expect(pool.heard('slot:crashed')).toEqual([])
  expect(pool.heard('partition:paused')).toEqual([])

  await pool.pool.unsubscribe(new RegExp(prefix))
  await pool.pool.subscribe(`__${prefix}-a`)
  await untilTopics(pool, [`__${prefix}-a`])
})
