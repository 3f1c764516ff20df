import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Departure } from '#src/control/membership/departure.js'

const GRACE_MS = 3_000

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const world = (seats: number, isAlone: boolean) => {
  const group = { isAlone }
  const departure = new Departure(seats, () => group.isAlone)
  departure.begin(GRACE_MS, 0)
  const gone: string[] = []
  const done = (name: string, leaves = true) => {
    void departure.done(leaves).then(() => gone.push(name))
  }
  return { group, departure, gone, done }
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

describe('the seats of a pool that stops', () => {
  test('leave together when the last is done', async () => {
    const { gone, done } = world(2, false)
    done('idle')
    await pass(GRACE_MS - 1)
    expect(gone).toEqual([])
    done('busy')
    await pass(0)
    expect(gone).toEqual(['idle', 'busy'])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('leave after the time of a rebalance, each when it is done, while others are in the group', async () => {
    const { gone, done } = world(3, false)
    done('idle')
    await pass(GRACE_MS)
    expect(gone).toEqual(['idle'])
    done('busy')
    await pass(0)
    expect(gone).toEqual(['idle', 'busy'])
  })

  test('wait for the last while they are alone, and no longer once somebody has joined', async () => {
    const { group, departure, gone, done } = world(2, true)
    done('idle')
    await pass(20_000)
    expect(gone).toEqual([])
    group.isAlone = false
    departure.look()
    await pass(0)
    expect(gone).toEqual(['idle'])
  })

  test('go with the last when they stay in the group as static members', async () => {
    const { gone, done } = world(2, false)
    done('static', false)
    await pass(20_000)
    expect(gone).toEqual([])
    done('busy', false)
    await pass(0)
    expect(gone).toEqual(['static', 'busy'])
  })

  test('keep a rebalance waiting for their handlers for that time in all', () => {
    const departure = new Departure(2, () => true)
    expect(departure.graceLeftMs(0)).toBe(Number.POSITIVE_INFINITY)
    departure.begin(GRACE_MS, 100)
    departure.begin(GRACE_MS, 2_000)
    expect(departure.graceLeftMs(1_100)).toBe(2_000)
    expect(departure.graceLeftMs(9_000)).toBe(0)
  })
})
