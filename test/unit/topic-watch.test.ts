import { pino } from 'pino'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Group } from '#src/control/group.js'
import type { Seat } from '#src/control/seat.js'
import { TopicWatch } from '#src/control/topic-watch.js'
import type { TopicMetadata } from '#src/kafka/face.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('a topic that was deleted and created again with as many partitions is assigned anew', async () => {
  const group = new Group('group', 1)
  const rejoin = vi.fn()
  group.add({ isLeader: true, state: 'stable', rejoin } as unknown as Seat)
  const there: TopicMetadata = { topic: 'orders', error: null, partitions: [{ partition: 0, leader: 1 }] }
  const gone: TopicMetadata = { topic: 'orders', error: 'UNKNOWN_TOPIC_OR_PARTITION', partitions: [] }
  const answers = [gone, there]
  const watch = new TopicWatch(
    {
      topics: ['orders'],
      groupsOf: () => [group],
      metadata: async () => [answers.shift() ?? there],
      intervalMs: 1_000,
      heartbeatMs: 500,
      log: pino({ level: 'silent' }),
    },
    [there],
  )
  await vi.advanceTimersByTimeAsync(5_000)
  expect(rejoin).toHaveBeenCalledTimes(1)
  watch.close()
})
