import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { FixedSeat } from '#src/control/membership/fixed-seat.js'
import { Group } from '#src/control/membership/group.js'
import { KafkaError } from '#src/kafka/kafka-error.js'
import type { TopicMetadata, TopicPartition } from '#src/kafka/metadata.js'
import { monotonicMs } from '#src/util/clock.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import { FakeClient } from '../../../support/control/fake-client.js'

const kafkaError = (code: number) => new KafkaError(`CODE_${code}`, code, false, 'the broker says so')

const topic = (count: number, error: string | null = null): TopicMetadata => ({
  topic: 'orders',
  error,
  partitions: Array.from({ length: count }, (_, partition) => ({ partition, leader: 1 })),
})

const bench = (numbers: readonly number[] = [0, 1]) => {
  const client = new FakeClient()
  client.committedOffsets = async () => []
  const group = new Group('group', 1)
  const told = { assigned: [] as number[][], begun: 0, refused: [] as string[], leaseMs: 0 }
  const seat = new FixedSeat({
    config: slotConfig({ fixed: numbers.map((partition) => ({ topic: 'orders', partition })) }),
    group,
    client,
    host: {
      assigned: (partitions: readonly TopicPartition[]) =>
        told.assigned.push(partitions.map(({ partition }) => partition)),
      lease: (untilMs) => {
        told.leaseMs = untilMs - monotonicMs()
      },
      refused: ({ message }) => told.refused.push(message),
    },
    onBegun: () => {
      told.begun += 1
    },
    log: pino({ level: 'silent' }),
  })
  onTestFinished(() => seat.leave())
  return { seat, client, group, told }
}

test('a fixed seat begins when the coordinator has stored where, and no message may begin before', async () => {
  const { seat, told } = bench()
  seat.start()
  await vi.waitFor(() => expect(told.assigned).toEqual([[0, 1]]))
  expect(seat).toMatchObject({
    state: 'assigned',
    mayCommit: true,
    hasBegun: false,
    isConfirmed: false,
    isStable: false,
  })
  expect(seat.membership).toEqual({ groupId: 'group', generation: -1, memberId: '', instanceId: null })
  expect(told.leaseMs).toBe(0)
  seat.committed()
  seat.committed()
  expect(seat).toMatchObject({ hasBegun: true, isConfirmed: true, isStable: true })
  expect(told.begun).toBe(1)
  expect(told.leaseMs).toBeGreaterThan(86_400_000)
  expect(told.leaseMs).toBeLessThan(2 ** 31)
})

test('one that has no partitions has nothing to wait for', () => {
  const { seat } = bench([])
  seat.start()
  expect(seat).toMatchObject({ hasBegun: true, isConfirmed: true })
})

test.each([
  22, 25, 27, 82,
])('a commit refused with code %i says that others are members, until one is stored', async (code) => {
  const { seat, told } = bench()
  seat.start()
  await vi.waitFor(() => expect(told.assigned).toHaveLength(1))
  seat.commitRefused(kafkaError(code))
  await vi.waitFor(() => expect(told.refused).toHaveLength(1))
  expect(told.refused[0]).toMatch(/group "group", because that has members.*groupId of its own/)
  expect(seat).toMatchObject({ state: 'refused', isRefused: true, mayCommit: true })
  seat.committed()
  expect(seat).toMatchObject({ state: 'assigned', isRefused: false })
})

test('a commit that had no answer is no refusal', async () => {
  const { seat, told } = bench()
  seat.start()
  seat.commitRefused(new KafkaError('TIMEOUT', -1, true, 'no answer'))
  await vi.waitFor(() => expect(told.assigned).toHaveLength(1))
  expect(seat.state).toBe('assigned')
})

test('a group that may not be seen is told, and nothing is assigned', async () => {
  const { seat, told, client } = bench()
  client.committedOffsets = async () => {
    throw kafkaError(30)
  }
  seat.start()
  await vi.waitFor(() => expect(told.refused).toHaveLength(1))
  expect(told.refused[0]).toContain('the broker refuses group "group"')
  expect(seat.isRefused).toBe(true)
  expect(told.assigned).toEqual([])
})

test('partitions go with their topic and come back with it; what is not known changes nothing', async () => {
  const { seat, told, group } = bench()
  seat.start()
  await vi.waitFor(() => expect(told.assigned).toHaveLength(1))
  group.tellTopics([topic(2)])
  group.tellTopics([topic(0, 'LEADER_NOT_AVAILABLE')])
  group.tellTopics([])
  expect(told.assigned).toHaveLength(1)
  group.tellTopics([topic(0, 'UNKNOWN_TOPIC_OR_PARTITION')])
  group.tellTopics([topic(0, 'LEADER_NOT_AVAILABLE')])
  group.tellTopics([topic(1)])
  group.tellTopics([topic(3)])
  expect(told.assigned.slice(1)).toEqual([[], [0], [0, 1]])
})

test('one that has left closes its client, commits nothing and hears nothing', async () => {
  const { seat, told, group, client } = bench()
  const close = vi.spyOn(client, 'close')
  seat.start()
  await vi.waitFor(() => expect(told.assigned).toHaveLength(1))
  await seat.leave()
  await seat.leave()
  group.tellTopics([topic(0, 'UNKNOWN_TOPIC_OR_PARTITION')])
  seat.committed()
  seat.commitRefused(kafkaError(25))
  expect(close).toHaveBeenCalledTimes(1)
  expect(seat).toMatchObject({ state: 'left', mayCommit: false, freeCoordinator: null, hasBegun: false })
  expect(told.assigned).toHaveLength(1)
  expect(told.refused).toEqual([])
})

test('one that is refused later goes on with what it has', async () => {
  const { seat, told } = bench()
  seat.start()
  await vi.waitFor(() => expect(told.assigned).toHaveLength(1))
  seat.committed()
  seat.commitRefused(kafkaError(25))
  await vi.waitFor(() => expect(seat.isRefused).toBe(true))
  expect(seat).toMatchObject({ isStable: true, isConfirmed: true })
})

test.each([15, 69])('a refusal that no later commit will change is told, whatever it is: code %i', async (code) => {
  const { seat, told } = bench()
  seat.start()
  seat.commitRefused(kafkaError(code))
  await vi.waitFor(() => expect(told.refused).toHaveLength(1))
})

test('what is refused of one commit alone says nothing of the seat', async () => {
  const { seat, told } = bench()
  seat.start()
  for (const code of [3, 12]) seat.commitRefused(kafkaError(code))
  await vi.waitFor(() => expect(told.assigned).toHaveLength(1))
  expect(seat.state).toBe('assigned')
})

test('one that leaves ends its lease, so that the next one waits for the commit of its start', async () => {
  const { seat, told } = bench()
  seat.start()
  await vi.waitFor(() => expect(told.assigned).toHaveLength(1))
  seat.committed()
  expect(told.leaseMs).toBeGreaterThan(0)
  await seat.leave()
  expect(told.leaseMs).toBeLessThanOrEqual(0)
})

test('one whose partitions are all gone has nothing to store, until they are back', async () => {
  const { seat, told, group } = bench()
  seat.start()
  await vi.waitFor(() => expect(told.assigned).toHaveLength(1))
  group.tellTopics([topic(0, 'UNKNOWN_TOPIC_OR_PARTITION')])
  expect(seat.hasBegun).toBe(true)
  group.tellTopics([topic(2)])
  expect(seat.hasBegun).toBe(false)
  seat.committed()
  expect(seat.hasBegun).toBe(true)
})
