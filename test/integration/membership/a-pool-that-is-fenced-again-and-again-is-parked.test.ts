import { expect, it } from 'vitest'
import { until } from '#scripts/support/until.js'
import { createTopic, describeGroup } from '../../support/cluster/index.js'
import { rawMember } from '../../support/cluster/raw-member.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

it('a pool whose group.instance.id is taken again and again tries three times, 10 s apart, and is parked for good', async () => {
  const topic = await createTopic({ partitions: 2 })
  const { handler } = newRecord()
  const consumer = { groupInstanceId: 'pod', heartbeatInterval: 200 }
  const pool = await startPool({ topics: [topic], handler, workers: 1, consumer })
  const rival = await rawMember(pool.groupId, [topic])

  let member = await rival.join({ memberId: '', instanceId: 'pod' })
  await until(
    async () => {
      await rival.heartbeat(member).catch(async () => {
        member = await rival.join({ memberId: '', instanceId: 'pod' })
      })
      return pool.status().slots[0]?.state === 'parked'
    },
    { what: 'the slot to be parked', deadlineMs: 80_000, everyMs: 100 },
  )

  expect(pool.heard('group:fenced').map(({ tries, retryInMs }) => [tries, retryInMs])).toEqual([
    [1, 10_000],
    [2, 10_000],
    [3, 10_000],
    [4, null],
  ])
  expect(pool.heard('slot:parked')).toMatchObject([
    { slot: 0, instanceId: 'pod', retryInMs: null, error: { code: 'KCP_INSTANCE_FENCED' } },
  ])
  expect(pool.status()).toMatchObject({
    state: 'escalated',
    slots: [{ state: 'parked', assignment: [], lastError: { code: 'KCP_INSTANCE_FENCED' } }],
  })
  expect(pool.heard('pool:escalated')).toHaveLength(1)

  // The parked one does not take the rival with it when it goes.
  await until(() => pool.status().slots[0]?.seat.state === 'left', { what: 'the seat to be given up' })
  await pool.pool.stop()
  await rival.heartbeat(member)
  expect((await describeGroup(pool.groupId)).members).toMatchObject([{ memberId: member.memberId }])
})
