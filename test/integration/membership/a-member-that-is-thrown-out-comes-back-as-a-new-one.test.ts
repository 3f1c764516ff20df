import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, describeGroup } from '../../support/cluster/index.js'
import { rawMember } from '../../support/cluster/raw-member.js'
import { startTraffic } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, partitionNames, partitionsIn, startPool, untilStable } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 6

it('a member that an administrator removes comes back as a new member, with the same thread, and nothing is lost', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const pool = await startPool({ topics: [topic], handler: record.handler, workers: 2 })
  const traffic = await startTraffic(topic, { partitions: PARTITIONS })
  const before = await untilStable(pool.groupId, 2)
  const removed = pool.status().slots[0]?.seat.memberId ?? ''

  await (await rawMember(pool.groupId, [topic])).remove(removed)
  const after = await until(
    async () => {
      const group = await describeGroup(pool.groupId)
      const ids = group.members.map(({ memberId }) => memberId)
      return group.state === 'Stable' && ids.length === 2 && !ids.includes(removed) && group
    },
    { what: 'the removed member to be back under a new member id' },
  )
  const verdict = await record.untilNothingIsLost(await traffic.stop())

  expect(after.generation).toBeGreaterThan(before.generation ?? Number.NaN)
  expect(partitionsIn(after)).toEqual(partitionNames(topic, PARTITIONS))
  await expectBrokerAgrees(after, pool)
  expect(pool.status().slots).toMatchObject([
    { state: 'running', incarnation: 1, restarts: 0 },
    { state: 'running', incarnation: 1, restarts: 0 },
  ])
  expect(verdict).toMatchObject({ lost: [], unknown: [] })
})
