import { expect, inject, it } from 'vitest'
import { startPrivateBroker } from '../../support/cluster/private-broker.js'
import { startPool } from '../../support/pool/pool.js'
import { newRecord } from '../../support/pool/record.js'

const PARTITIONS = 8
const WORKERS = 4

// The other tests' broker ends the first rebalance of a group at once, whoever has joined by then. A broker as it is
// delivered waits 3 s for more members.
const REBALANCE_DELAY_MS = 500

it.skipIf(inject('externalBroker'))(
  'four slots that start together are one generation, and each has its share when start() resolves',
  async () => {
    const broker = await startPrivateBroker({ rebalanceDelayMs: REBALANCE_DELAY_MS })
    const topic = await broker.createTopic(PARTITIONS)
    const { handler } = newRecord()
    for (const groupInstanceId of [undefined, 'start']) {
      const pool = await startPool({
        kafka: { brokers: broker.brokers },
        consumer: { groupInstanceId },
        topics: [topic],
        handler,
        workers: WORKERS,
      })
      const { slots, totals } = pool.status()
      expect(slots.map(({ state, seat, assignment }) => [state, seat.generation, assignment.length])).toEqual(
        Array(WORKERS).fill(['running', 1, PARTITIONS / WORKERS]),
      )
      expect(new Set(slots.flatMap(({ assignment }) => assignment.map(({ partition }) => partition))).size).toBe(
        PARTITIONS,
      )
      expect(totals.rebalances).toBe(0)
      expect(pool.heard('group:joined').map(({ generation }) => generation)).toEqual(Array(WORKERS).fill(1))
      expect(pool.heard('group:joined').filter(({ leader }) => leader)).toHaveLength(1)

      const { groups } = await broker.clients.admin.describeGroups([pool.groupId])
      expect(groups[0]?.state).toBe('Stable')
      expect(groups[0]?.members.map(({ memberId }) => memberId).sort()).toEqual(
        slots.map(({ seat }) => seat.memberId).sort(),
      )
    }
  },
)
