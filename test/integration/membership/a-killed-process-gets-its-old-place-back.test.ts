import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic } from '../../support/cluster/index.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { untilStable } from '../../support/pool/pool.js'
import { startPoolProcess } from '../../support/pool/pool-process.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6

it.each([
  'roundrobin',
  'cooperative-sticky',
])('a process that is killed and started again within its session has the same generation and partitions; nothing is lost: %s', async (assignor) => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const options = {
    topics: [topic],
    handler: record.handler,
    workers: 2,
    assignors: [assignor],
    consumer: { groupInstanceId: 'killed', sessionTimeout: 120_000 },
  }
  const killed = await startPoolProcess(options)
  const before = await untilStable(killed.groupId, 2)
  const traffic = await startTraffic(topic, { partitions: PARTITIONS, value: 'block:2' })
  await until(() => record.read().length > 100, { what: 'some work' })
  await killed.kill()

  const again = await startPoolProcess({ ...options, groupId: killed.groupId })
  const after = await untilStable(killed.groupId, 2)
  const verdict = await record.untilNothingIsLost(await traffic.stop())

  expect(after.generation).toBe(before.generation)
  const byInstance = ({ members }: typeof after) =>
    Object.fromEntries(members.map(({ groupInstanceId, assignment }) => [groupInstanceId, assignment]))
  expect(byInstance(after)).toEqual(byInstance(before))
  const { slots, totals } = await again.status()
  expect(slots.map(({ seat }) => [seat.memberId, seat.generation]).sort()).toEqual(
    after.members.map(({ memberId }) => [memberId, after.generation]).sort(),
  )
  expect(totals.rebalances).toBe(0)
  expect(verdict).toMatchObject({ lost: [], unknown: [], overlapping: [] })

  if (assignor !== 'cooperative-sticky') return
  // What it has got back it keeps in the next generation: it says that it is its own.
  const newcomer = await startPoolProcess({ ...options, groupId: killed.groupId, workers: 1, consumer: {} })
  const shared = await until(
    async () => {
      const group = await untilStable(killed.groupId, 3)
      return group.members.every(({ assignment }) => assignment[topic]?.length === 2) && group
    },
    { what: 'even shares' },
  )
  const had = byInstance(before)
  for (const { groupInstanceId: id, assignment } of shared.members)
    if (id !== null) expect(had[id]?.[topic]).toEqual(expect.arrayContaining([...(assignment[topic] ?? [])]))
  await newcomer.stop()
})
