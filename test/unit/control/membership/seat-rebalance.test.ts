import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { deferred } from '#src/util/deferred.js'
import { eager, slotConfig } from '../../../support/config/slot-config.js'
import { kafkaError } from '../../../support/control/fake-client.js'
import { seatBench } from '../../../support/control/seat-bench.js'
import { assignment, joinedAs } from '../../../support/control/slot-bench.js'

const COORDINATOR_LOAD_IN_PROGRESS = 14
const REBALANCE_IN_PROGRESS = 27

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const settle = () => vi.advanceTimersByTimeAsync(0)

const member = async (config = slotConfig()) => {
  const bench = seatBench({ config })
  bench.seat.start()
  await settle()
  bench.own.onHeartbeat = [() => Promise.reject(kafkaError(REBALANCE_IN_PROGRESS)), async () => {}]
  bench.own.onJoin = [joinedAs('member', 2)]
  return bench
}

describe('a seat in a rebalance', () => {
  test('takes the new generation on together with the assignment, so that nothing old is committed under it', async () => {
    const { own, seat } = await member()
    const synced = deferred<Buffer>()
    own.onSync = [() => synced.promise]
    await vi.advanceTimersByTimeAsync(3_001)
    expect(own.syncs.at(-1)?.member.generation).toBe(2)
    expect(seat.membership.generation).toBe(1)
    synced.resolve(await assignment(1)())
    await settle()
    expect(seat.membership.generation).toBe(2)
  })

  test('joins once more when it was told to while it synced', async () => {
    const { own, seat } = await member()
    const synced = deferred<Buffer>()
    own.onSync = [() => synced.promise, assignment(0, 1)]
    await vi.advanceTimersByTimeAsync(3_001)
    const joins = own.joins.length
    seat.rejoin('the topic has grown')
    synced.resolve(await assignment(0)())
    await vi.advanceTimersByTimeAsync(100)
    expect(own.joins.length).toBe(joins + 1)
  })

  test('waits for its handlers once, however often it has to ask until it is let in', async () => {
    const { own, host, seat } = await member(slotConfig(eager))
    const refuse = (code: number) => () => Promise.reject(kafkaError(code))
    own.onJoin = [refuse(COORDINATOR_LOAD_IN_PROGRESS), joinedAs('member', 2)]
    own.onSync = [refuse(REBALANCE_IN_PROGRESS), assignment(0)]
    await vi.advanceTimersByTimeAsync(5_000)
    expect(seat.state).toBe('stable')
    expect(own.joins.length).toBe(4)
    expect(host.told.filter((word) => word === 'release')).toEqual(['release'])
  })

  test('does not count as a member with an assignment that it cannot read', async () => {
    const { own, host, seat } = await member(slotConfig(eager))
    own.onSync = [async () => Buffer.from([0, 0, 0]), assignment(0)]
    await vi.advanceTimersByTimeAsync(5_000)
    expect(seat.state).toBe('stable')
    expect(host.told.filter((word) => word.startsWith('assigned'))).toEqual(['assigned 1', 'assigned 2'])
  })
})
