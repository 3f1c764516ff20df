import fc from 'fast-check'
import { pino } from 'pino'
import { describe, expect, it, vi } from 'vitest'
import {
  findHung,
  graceMs,
  HungHandlers,
  pollIntervalMs,
  stoodStill,
  type WatchedSlot,
} from '#src/control/supervision/hung-handlers.js'
import type { PoolError } from '#src/errors.js'
import { type Flight, Ledger } from '#src/protocol/ledger.js'
import { frozenMs, monotonicMs } from '#src/util/clock.js'

const log = pino({ level: 'silent' })

const slotWith = (maxProcessingMs: number, lanes = 2) => {
  const ledger = Ledger.create(lanes)
  const endThread = vi.fn<(why: PoolError) => void>()
  const config = { slot: 3, maxProcessingMs, handler: 'file:///orders.mjs' }
  const hookLimitsMs = { setup: 60_000, teardown: 25_000 }
  return { config, hookLimitsMs, incarnation: { ledger, incarnation: 1 }, endThread } satisfies WatchedSlot
}

/** As the timer of a watch with a limit of a second looks. */
const lookOften = (hung: HungHandlers, fromMs: number, toMs: number): void => {
  for (let atMs = fromMs + 250; atMs <= toMs; atMs += 250) hung.look(atMs)
}

const watching = (slots: readonly WatchedSlot[], use: (hung: HungHandlers) => void): void => {
  const hung = new HungHandlers({ slots, log })
  try {
    use(hung)
  } finally {
    hung.close()
  }
}

it('looks as often as a slot needs it that comes later', () => {
  vi.useFakeTimers()
  const slots: WatchedSlot[] = [slotWith(300_000)]
  const hung = new HungHandlers({ slots, log })
  try {
    const quick = slotWith(200)
    slots.push(quick)
    vi.advanceTimersByTime(pollIntervalMs(300_000))
    quick.incarnation.ledger.begin(0, 0, 7, 1, monotonicMs())
    vi.advanceTimersByTime(200 + graceMs(200) + 2 * pollIntervalMs(200))
    expect(quick.endThread).toHaveBeenCalledOnce()
  } finally {
    hung.close()
    vi.useRealTimers()
  }
})

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

describe('the time between two looks', () => {
  it('counts when the second was on time, or late by no more than a second', () => {
    for (const lateMs of [Number.NEGATIVE_INFINITY, -250, 0, 250, 1_000]) expect(frozenMs(lateMs)).toBe(0)
  })

  it('counts up to when the second was due when that came later', () => {
    expect(frozenMs(1_001)).toBe(1_001)
    expect(frozenMs(3_600_000)).toBe(3_600_000)
  })

  it('is stood still by what runs now, and by what is new no longer than it runs', () => {
    const before = new Map([
      ['old', 100],
      ['gone', 100],
    ])
    const running = new Map([
      ['old', 9_000],
      ['new', 30],
      ['unborn', -5],
    ])
    expect([...stoodStill(running, before, 700)]).toEqual([
      ['old', 800],
      ['new', 30],
      ['unborn', 0],
    ])
  })

  it('never adds up to more than a thing has run, nor to more than was frozen', () => {
    const looks = fc.array(fc.record({ betweenMs: fc.nat(5_000), fresh: fc.boolean() }), { maxLength: 50 })
    fc.assert(
      fc.property(looks, (steps) => {
        let still: ReadonlyMap<string, number> = new Map()
        let [key, startedMs, nowMs, frozenSince] = [0, 0, 0, 0]
        for (const { betweenMs, fresh } of steps) {
          const frozen = frozenMs(betweenMs - 250)
          nowMs += betweenMs
          if (fresh) [key, startedMs, frozenSince] = [key + 1, nowMs - Math.min(betweenMs, 100), 0]
          frozenSince += frozen
          still = stoodStill(new Map([[String(key), nowMs - startedMs]]), still, frozen)
          const own = still.get(String(key)) ?? Number.NaN
          expect(own).toBeLessThanOrEqual(Math.min(nowMs - startedMs, frozenSince))
        }
      }),
    )
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
      lookOften(hung, now, now + 1_000)
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
      lookOften(hung, now, now + 2_000)
      expect(slot.endThread).toHaveBeenCalledTimes(1)
      ledger.end(0)
      ledger.begin(0, 5, 43, 1, now + 2_000)
      lookOften(hung, now + 2_000, now + 3_000)
      expect(slot.endThread).toHaveBeenCalledTimes(1)
      lookOften(hung, now + 3_000, now + 4_000)
      expect(slot.endThread).toHaveBeenCalledTimes(2)
    })
  })

  it('counts no time in which the process was frozen, and ends the thread of a handler that hangs after it on time', () => {
    const slot = slotWith(1_000)
    const now = monotonicMs()
    slot.incarnation.ledger.begin(1, 5, 42, 1, now)
    watching([slot], (hung) => {
      lookOften(hung, now, now + 500)
      const wokeMs = now + 3_600_500
      hung.look(wokeMs)
      expect(slot.endThread).not.toHaveBeenCalled()
      // Another one begins: it has lost nothing. Of the first 500 ms and one interval have gone by.
      slot.incarnation.ledger.begin(0, 6, 7, 1, wokeMs)
      lookOften(hung, wokeMs, wokeMs + 250)
      expect(slot.endThread).not.toHaveBeenCalled()
      lookOften(hung, wokeMs + 250, wokeMs + 500)
      expect(slot.endThread).toHaveBeenCalledTimes(1)
      expect(slot.endThread.mock.calls[0]?.[0].message).toMatch(/offset 42 for 1250 ms/)
      slot.incarnation.ledger.end(1)
      lookOften(hung, wokeMs + 500, wokeMs + 1_250)
    })
    expect(slot.endThread).toHaveBeenCalledTimes(2)
    expect(slot.endThread.mock.calls[1]?.[0].message).toMatch(/offset 7 for 1250 ms/)
  })

  it('tells the threads of all slots for how long they have stood still, and when it will look again', () => {
    const slots = [slotWith(1_000), slotWith(10_000)]
    const now = Math.ceil(monotonicMs()) // what the ledger has are whole ms
    const known = (atMs: number) => slots.map(({ incarnation }) => incarnation.ledger.stoodStillMs(atMs))
    watching(slots, (hung) => {
      // Nobody has looked yet, which is due within a second.
      for (const ms of known(now + 3_600_000)) expect(Math.abs(ms - 3_599_000)).toBeLessThan(1_000)
      lookOften(hung, now, now + 500)
      expect(known(now + 750 + 1_000)).toEqual([0, 0])
      expect(known(now + 750 + 5_000)).toEqual([5_000, 5_000]) // before the look that tells
      hung.look(now + 750 + 5_000)
      expect(known(now + 750 + 5_000)).toEqual([5_000, 5_000])
      hung.look(now + 1_000 + 15_000)
      expect(known(now + 1_000 + 15_001)).toEqual([15_000, 15_000])
    })
  })

  it('counts no time of a freeze that comes before its first look', () => {
    const slot = slotWith(1_000)
    const now = monotonicMs()
    slot.incarnation.ledger.begin(0, 5, 42, 1, now)
    watching([slot], (hung) => {
      hung.look(now + 3_600_000)
      expect(slot.endThread).not.toHaveBeenCalled()
      lookOften(hung, now + 3_600_000, now + 3_602_000)
    })
    expect(slot.endThread).toHaveBeenCalledTimes(1)
  })

  it('counts no time in which the process was frozen against setup either', () => {
    const slot = slotWith(1_000)
    const now = monotonicMs()
    slot.incarnation.ledger.beginHook('setup', now)
    watching([slot], (hung) => {
      lookOften(hung, now, now + 500)
      hung.look(now + 3_600_500)
      lookOften(hung, now + 3_600_500, now + 3_664_000)
      expect(slot.endThread).not.toHaveBeenCalled()
      lookOften(hung, now + 3_664_000, now + 3_665_000)
    })
    expect(slot.endThread).toHaveBeenCalledTimes(1)
  })

  it('looks at the same message anew when a replacement hangs on it', () => {
    const slot = { ...slotWith(1_000), incarnation: null as WatchedSlot['incarnation'] }
    const now = monotonicMs()
    watching([slot], (hung) => {
      for (const incarnation of [1, 2]) {
        const beganMs = now + incarnation * 2_000
        const ledger = Ledger.create(1)
        ledger.begin(0, 5, 42, 1, beganMs)
        slot.incarnation = { ledger, incarnation }
        lookOften(hung, beganMs, beganMs + 2_000)
        expect(slot.endThread).toHaveBeenCalledTimes(incarnation)
      }
    })
  })

  it('gives each slot its own limit, and passes over one without a thread', () => {
    const [slow, quick] = [slotWith(10_000), slotWith(1_000)]
    const now = monotonicMs()
    for (const slot of [slow, quick]) slot.incarnation.ledger.begin(0, 0, 7, 1, now)
    watching([{ ...slow, incarnation: null }, slow, quick], (hung) => lookOften(hung, now, now + 3_000))
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
      lookOften(hung, now, now + dueMs - 1)
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
