import { expect, it } from 'vitest'
import { createTopic, describeGroup, groupHistory } from '../support/kafka.js'
import { expectBrokerAgrees, partitionNames, partitionsIn, startPool } from '../support/pool.js'
import { newRecord } from '../support/record.js'

const PARTITIONS = 8
const WORKERS = 4

it.each([
  ['dynamic', undefined],
  ['static', 'start'],
])(
  'four %s slots that start together are one generation, and each has its share when start() resolves',
  async (_, instanceId) => {
    const topic = await createTopic({ partitions: PARTITIONS })
    const { handler } = newRecord()
    const consumer = { groupInstanceId: instanceId }
    const pool = await startPool({ topics: [topic], handler, workers: WORKERS, consumer })

    expect(pool.status().slots.map(({ state, assignment }) => [state, assignment.length])).toEqual(
      Array(WORKERS).fill(['running', PARTITIONS / WORKERS]),
    )
    const group = await describeGroup(pool.groupId)
    expect(group).toMatchObject({ state: 'Stable', protocol: 'roundrobin' })
    expect(partitionsIn(group)).toEqual(partitionNames(topic, PARTITIONS))
    expectBrokerAgrees(group, pool)

    const history = await groupHistory(pool.groupId)
    expect(history.map(({ generation, members }) => [generation, members.length])).toEqual([[1, WORKERS]])
    expect(pool.status().totals.rebalances).toBe(0)
  },
)
