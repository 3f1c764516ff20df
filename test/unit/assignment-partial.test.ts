import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { AssignmentTaker } from '#src/control/assignment-taker.js'
import { Coordinator } from '#src/control/coordinator.js'
import { Holdings } from '#src/control/holdings.js'
import { FakeConnection, kafkaError } from '../support/control/fake-connection.js'
import { slotConfig } from '../support/slot-config.js'

describe('a partition that has no leader and no committed offset', () => {
  test('does not keep the others of the assignment waiting', async () => {
    const connection = new FakeConnection()
    connection.committedOffsets = async (_node, _group, partitions) =>
      partitions.map(({ topic, partition }) => ({ topic, partition, offset: partition === 0 ? 40n : -1n }))
    connection.listOffsets = () => Promise.reject(kafkaError(5, 'LEADER_NOT_AVAILABLE'))
    const holdings = new Holdings()
    const taker = new AssignmentTaker({
      config: slotConfig(),
      holdings,
      sharedConnection: connection,
      shared: new Coordinator(connection, 'group'),
      log: pino({ level: 'silent' }),
    })
    const partitions = [0, 1].map((partition) => ({ topic: 'orders', partition }))
    const taking = taker.take(partitions, () => {})
    await expect.poll(() => holdings.all().map(({ partition }) => partition), { timeout: 1_000 }).toEqual([0])
    taker.cancel()
    await taking
  })
})
