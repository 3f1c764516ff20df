import fc from 'fast-check'
import { pino } from 'pino'
import { describe, expect, it, vi } from 'vitest'
import {
  findHung,
  graceMs,
  HungHandlers,
  pollIntervalMs,
  type WatchedSlot,
} from '#src/control/supervision/hung-handlers.js'
import type { PoolError } from '#src/errors.js'
import { type Flight, Ledger } from '#src/protocol/ledger.js'
import { monotonicMs } from '#src/util/clock.js'

const log = pino({ level: 'silent' })

const slotWith = (maxProcessingMs: number, rows = 2) => {
  const ledger = Ledger.create(rows)
  const endThread = vi.fn<(why: PoolError) => void>()
  const config = { slot: 3, maxProcessingMs, handler: 'file:///orders.mjs' }
  const hookLimitsMs = { setup: 60_000, teardown: 25_000 }
  return { config, hookLimitsMs, incarnation: { ledger, incarnation: 1 }, endThread } satisfies WatchedSlot
}

const watching = (slots: readonly WatchedSlot[], use: (hung: HungHandlers) => void): void => {
  const hung = new HungHandlers({ slots, log })
  try {
    use(hung)
  } finally {
    hung.close()
  }
}

describe('findHung', () => {
  const flight = fc.record<Flight>({
    partitionId: fc.nat(),
    offset: fc.bigInt({ min: 0n }),
    attempt: fc.integer({ min: 1 }),
    runningMs: fc.integer({ min: -10, max: 1_000 }),
  })

  it('finds exactly the flights that have run longer than the limit and the grace together', () => {
    fc.assert(
      fc.property(fc.array(flight), fc.nat(500), fc.nat(500), (flights, limit, grace) => {
        const hung = findHung(flights, limit, grace)
        for (const one of flights) expect(hung.includes(one)).toBe(one.runningMs > limit + grace)
      }),
    )
  })

  it('finds one before its time is too long for the ledger, however long it may take', () => {
    const longest = 2 ** 31 - 1
    const ledger = Ledger.create(1)
    const nowMs = monotonicMs()
    ledger.begin(0, 7, 42, 1, nowMs)
    const lookAt = (ms: number) => findHung(ledger.flights(nowMs + ms), longest, graceMs(longest))
    expect(lookAt(longest - 20_000)).toHaveLength(0)
    expect(lookAt(longest - pollIntervalMs(longest))).toHaveLength(1)
    expect(lookAt(longest + 10_000)).toHaveLength(0) // by then it would be too late
  })
})

describe('the times of the watch', () => {
  it.each([
    [10, 20, 50],
    [1_000, 250, 100],
    [300_000, 1_000, 5_000],
  ])('follow a limit of %i ms within their bounds', (limit, interval, grace) => {
    expect([pollIntervalMs(limit), graceMs(limit)]).toEqual([interval, grace])
  })
})

describe('HungHandlers', () => {
  it('lets a handler run for the limit and the grace, and then ends its thread with the reason', () => {
    const slot = slotWith(1_000)
    const now = monotonicMs()
    slot.incarnation.ledger.begin(1, 5, 42, 1, now)
    watching([slot], (hung) => {
      hung.look(now + 1_100)
      expect(slot.endThread).not.toHaveBeenCalled()
      hung.look(now + 1_102)
    })
    const [why] = slot.endThread.mock.calls[0] ?? []
    expect(why).toMatchObject({ code: 'KCP_HANDLER_HUNG', slot: 3, offset: '42' })
    expect(why?.message).toContain('maxProcessingMs is 1000')
  })

  it('reports a flight once, and the next hung one again', () => {
    const slot = slotWith(1_000)
    const { ledger } = slot.incarnation
    const now = monotonicMs()
    ledger.begin(0, 5, 42, 1, now)
    watching([slot], (hung) => {
      for (let n = 0; n < 5; n++) hung.look(now + 2_000 + n)
      expect(slot.endThread).toHaveBeenCalledTimes(1)
      ledger.end(0)
      ledger.begin(0, 5, 43, 1, now + 2_000)
      hung.look(now + 3_000)
      expect(slot.endThread).toHaveBeenCalledTimes(1)
      hung.look(now + 4_000)
      expect(slot.endThread).toHaveBeenCalledTimes(2)
    })
  })

  it('looks at the same message anew when a replacement hangs on it', () => {
    const slot = { ...slotWith(1_000), incarnation: null as WatchedSlot['incarnation'] }
    const now = monotonicMs()
    watching([slot], (hung) => {
      for (const incarnation of [1, 2]) {
        const ledger = Ledger.create(1)
        ledger.begin(0, 5, 42, 1, now)
        slot.incarnation = { ledger, incarnation }
        hung.look(now + 2_000)
        expect(slot.endThread).toHaveBeenCalledTimes(incarnation)
      }
    })
  })

  it('gives each slot its own limit, and passes over one without a thread', () => {
    const [slow, quick] = [slotWith(10_000), slotWith(1_000)]
    const now = monotonicMs()
    for (const slot of [slow, quick]) slot.incarnation.ledger.begin(0, 0, 7, 1, now)
    watching([{ ...slow, incarnation: null }, slow, quick], (hung) => hung.look(now + 3_000))
    expect(slow.endThread).not.toHaveBeenCalled()
    expect(quick.endThread).toHaveBeenCalledTimes(1)
  })

  it.each([
    ['setup', 60, 65_000, 'loadTimeoutMs'],
    ['teardown', 25, 27_500, 'drainTimeoutMs'],
  ] as const)('ends a thread once whose handler module blocks it in %s for longer than %i s', (hook, limit, dueMs, option) => {
    const slot = slotWith(1_000)
    const { ledger } = slot.incarnation
    const now = monotonicMs()
    watching([slot], (hung) => {
      ledger.beginHook(hook, now - 600_000)
      ledger.endHook()
      ledger.beginHook(hook, now)
      hung.look(now + dueMs - 1)
      expect(slot.endThread).not.toHaveBeenCalled()
      for (let n = 2; n < 5; n++) hung.look(now + dueMs + n)
    })
    expect(slot.endThread).toHaveBeenCalledTimes(1)
    const [why] = slot.endThread.mock.calls[0] ?? []
    expect(why).toMatchObject({ code: 'KCP_HANDLER_SETUP_FAILED', slot: 3 })
    expect(why?.message).toMatch(new RegExp(`${hook} of .*orders\\.mjs.* ${limit} s.*raise ${option}`))
  })

  it('looks by itself', async () => {
    const slot = slotWith(20)
    slot.incarnation.ledger.begin(0, 0, 7, 1, monotonicMs())
    const hung = new HungHandlers({ slots: [slot], log })
    await expect.poll(() => slot.endThread.mock.calls.length).toBe(1)
    hung.close()
  })
})
