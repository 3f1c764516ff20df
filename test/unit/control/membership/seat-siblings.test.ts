import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Group } from '#src/control/membership/group.js'
import { kafkaError, unanswered } from '../../../support/control/fake-client.js'
import { seatBench } from '../../../support/control/seat-bench.js'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

describe('two seats of one group that cannot join', () => {
  const attempts = async (error: Error) => {
    const group = new Group('group', 2)
    group.barrier.open()
    const benches = [seatBench({ group }), seatBench({ group })]
    for (const { own, seat } of benches) {
      let left = 200 // more than that is a storm, which would keep the test busy for ever
      own.onJoin = [() => (left-- > 0 ? Promise.reject(error) : new Promise(() => {}))]
      own.brokerConfig = () => Promise.reject(error)
      seat.start()
    }
    await vi.advanceTimersByTimeAsync(20_000)
    return benches.map(({ own }) => own.asked.filter((request) => request === 'JoinGroup').length)
  }

  test('do not shorten each other’s pauses while the brokers are away', async () => {
    for (const count of await attempts(unanswered())) expect(count).toBeLessThan(40)
  })

  test('ask every five seconds for what the broker has refused', async () => {
    for (const count of await attempts(kafkaError(30))) expect(count).toBe(5)
  })
})
