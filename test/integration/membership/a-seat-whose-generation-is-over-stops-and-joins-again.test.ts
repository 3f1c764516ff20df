import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, describeGroup, produce } from '../../support/cluster/index.js'
import { rawMember } from '../../support/cluster/raw-member.js'
import { producedIn } from '../../support/cluster/traffic.js'
import { expectBrokerAgrees, startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 3
/** So long that it is the refused commit which makes the seat ask. */
const consumer = { heartbeatInterval: 10_000, sessionTimeout: 30_000 }

it('a seat whose generation is over (22) gives everything up, commits nothing, and joins with the same member id', async () => {
  const topic = await createTopic({ partitions: PARTITIONS })
  const record = newRecord()
  const pool = await startPool({ topics: [topic], handler: record.handler, workers: 1, consumer })
  const areCommitted = () => pool.status().slots[0]?.assignment.every(({ committed }) => committed === '0')
  await until(areCommitted, { what: 'the start positions to be committed, so that the message is all that is left' })
  const { memberId, generation } = pool.status().slots[0]?.seat ?? { memberId: '', generation: -1 }
  const member = await rawMember(pool.groupId, [topic])
  expect(await member.join({ memberId, instanceId: null })).toMatchObject({ memberId, generation: generation + 1 })

  await produce(topic, [{ partition: 1, value: 'plain' }])
  await until(() => pool.heard('group:assigned').length > 1, { what: 'a new assignment' })
  const assigned = pool.heard('group:assigned').at(-1)
  // Everything had been dropped before: all of it is new.
  expect(assigned).toMatchObject({ memberId, generation: generation + 2, removed: [] })
  expect(assigned?.added).toHaveLength(PARTITIONS)
  const group = await describeGroup(pool.groupId)
  expect(group).toMatchObject({ state: 'Stable', generation: generation + 2, members: [{ memberId }] })
  await expectBrokerAgrees(group, pool)

  const verdict = await record.untilNothingIsLost(await producedIn(topic))
  await until(() => record.read().length === 2, { what: 'the message whose commit was refused to be handled again' })
  expect(verdict.lost).toEqual([])
})
