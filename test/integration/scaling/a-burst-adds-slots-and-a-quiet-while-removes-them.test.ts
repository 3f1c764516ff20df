import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, produce } from '../../support/cluster/index.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { collectLines } from '../../support/log-lines.js'
import { startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 8
const QUIET_MS = 3_000

it.each([
  ['dynamic', undefined],
  ['static', 'pod'],
])('a burst adds slots, and when it is over they go again: %s members', async (_, groupInstanceId) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const { logger, lines } = collectLines()
  const { pool, groupId, heard } = await startPool({
    ...{ topics: [topic], handler: record.handler, assignors: ['cooperative-sticky'], logger },
    workers: { min: 1, max: 4 },
    scaling: { catchUpMs: 4_500, quietMs: QUIET_MS },
    consumer: { groupInstanceId },
  })
  expect(pool.status().subscriptions).toEqual([{ topics: [topic], slots: 1, wanted: 1, min: 1, max: 4 }])
  // One slot takes 32 s for it, and waits: the cores have nothing to do.
  const each = 200
  await produce(
    topic,
    Array.from({ length: PARTITIONS * each }, (_, at) => ({ partition: at % PARTITIONS, value: 'sleep:20' })),
  )
  await until(() => pool.status().subscriptions[0]?.slots === 4, { what: 'as many slots as there may be' })
  const group = await untilStable(groupId, 4)
  const ids = group.members.map((member) => member.groupInstanceId ?? null).sort()
  expect(ids).toEqual([0, 1, 2, 3].map((number) => (groupInstanceId === undefined ? null : `pod-${number}`)))
  const verdict = await record.untilNothingIsLost(await producedIn(topic))
  await until(() => pool.status().slots.length === 1, { what: 'one slot to be left', deadlineMs: 60_000 })
  await untilStable(groupId, 1)

  const changes = heard('pool:scaled')
  const ups = changes.filter(({ reason }) => reason === 'lag')
  const downs = changes.filter(({ reason }) => reason === 'idle')
  expect(changes).toEqual([...ups, ...downs])
  expect(ups.map(({ from, to }) => [from, to])).toEqual([
    [1, 2],
    [2, 4],
  ])
  expect(downs.map(({ from, to }) => [from, to])).toEqual([
    [4, 2],
    [2, 1],
  ])
  expect(lines.filter(({ msg }) => msg === 'pool scaled')).toHaveLength(4)
  expect(verdict).toMatchObject({ lost: [], repeated: [], startedTwice: [], outOfOrder: [], overlapping: [] })
})
