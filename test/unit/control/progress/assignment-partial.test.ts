import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Holdings } from '#src/control/holdings.js'
import { Coordinator } from '#src/control/membership/coordinator.js'
import { AssignmentTaker } from '#src/control/progress/assignment-taker.js'
import { StoredOffsets } from '#src/control/progress/stored-offsets.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import { FakeClient, kafkaError } from '../../../support/control/fake-client.js'
import { collectLines } from '../../../support/log-lines.js'

const orders = (...partitions: number[]) => partitions.map((partition) => ({ topic: 'orders', partition }))

const world = (log = pino({ level: 'silent' })) => {
  const client = new FakeClient()
  client.committedOffsets = async (_node, _group, partitions) =>
    partitions.map(({ topic, partition }) => ({ topic, partition, offset: partition === 0 ? 40n : -1n }))
  client.listOffsets = () => Promise.reject(kafkaError(5, 'LEADER_NOT_AVAILABLE'))
  const holdings = new Holdings()
  const taker = new AssignmentTaker({
    config: slotConfig(),
    holdings,
    poolClient: client,
    coordinator: new Coordinator(client, 'group'),
    stored: new StoredOffsets(),
    isNew: () => false,
    log,
  })
  return { client, holdings, taker }
}

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('a partition that has no leader and no committed offset', () => {
  test('does not keep the others of the assignment waiting', async () => {
    const { holdings, taker } = world()
    const taking = taker.take(orders(0, 1), () => {})
    await vi.advanceTimersByTimeAsync(1_000)
    expect(holdings.all().map(({ partition }) => partition)).toEqual([0])
    taker.cancel()
    await taking
  })

  test('is named in the log when the slot begins to wait for it, once a minute while it waits, and when it is found', async () => {
    const { logger, lines } = collectLines()
    const { client, taker } = world(logger)
    const taking = taker.take(orders(1), () => {})
    await vi.advanceTimersByTimeAsync(150_000)
    expect(lines.map(({ level, waitsFor }) => [level, waitsFor])).toEqual(Array(3).fill([40, ['orders-1']]))
    client.listOffsets = async (partitions) => partitions.map((partition) => ({ ...partition, offset: 0n }))
    await vi.advanceTimersByTimeAsync(1_000)
    await taking
    expect(lines.map(({ level }) => level)).toEqual([40, 40, 40, 30])
    await vi.advanceTimersByTimeAsync(60_000)
    expect(lines).toHaveLength(4)
  })
})
