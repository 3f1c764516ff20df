import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RestartConfig } from '#src/config/resolved.js'
import { type Crash, decideEscalation, decideRestart, isFruitful, rememberCrash } from '#src/control/restarts.js'

const config: RestartConfig = {
  delayMs: 1000,
  maxDelayMs: 60_000,
  healthyAfterMs: 120_000,
  maxRestarts: 8,
  maxPoolRestarts: 12,
  windowMs: 300_000,
  probeMs: 60_000,
}
const fruitless = (atMs: number, healthyMs = 0): Crash => ({ atMs, fruitful: false, healthyMs })
const fruitful = (atMs: number, healthyMs = 0): Crash => ({ atMs, fruitful: true, healthyMs })
const decide = (crashes: readonly Crash[], more: Partial<Parameters<typeof decideRestart>[0]> = {}) =>
  decideRestart({ crashes, wasProbe: false, config, random: 0.5, ...more })
const restartAfter = (delayMs: number) => ({ action: 'restart', delayMs })
const park = { action: 'park', probeInMs: 60_000 }

describe('a restart', () => {
  test.each<[string, Crash[], object]>([
    ['follows a fruitful crash at once', [fruitful(5)], restartAfter(0)],
    ['follows the first fruitless crash at once', [fruitless(5)], restartAfter(0)],
    ['waits delayMs after the second fruitless crash', [0, 5].map((at) => fruitless(at)), restartAfter(1000)],
    ['waits twice as long after the third', [0, 5, 10].map((at) => fruitless(at)), restartAfter(2000)],
    [
      'waits 32 times as long after the seventh',
      [0, 1, 2, 3, 4, 5, 6].map((at) => fruitless(at)),
      restartAfter(32_000),
    ],
    ['does not happen after the eighth: the slot is parked', [0, 1, 2, 3, 4, 5, 6, 7].map((at) => fruitless(at)), park],
    [
      'counts only fruitless crashes within the window towards parking',
      [0, 1, 2, 3, 4, 5, 6, 300_000].map((at) => fruitless(at)),
      restartAfter(60_000),
    ],
    ['is not slowed down by fruitful crashes before', [...Array(20).keys()].map((at) => fruitful(at)), restartAfter(0)],
    [
      'is not speeded up by a fruitful crash between two fruitless ones',
      [fruitless(0), fruitful(10), fruitless(20)],
      restartAfter(1000),
    ],
    [
      'follows a fruitful crash at once, whatever was before',
      [fruitless(0), fruitless(1), fruitful(2)],
      restartAfter(0),
    ],
    [
      'starts from the beginning when the incarnation that died was healthy for healthyAfterMs',
      [fruitless(0), fruitless(1), fruitless(2), fruitless(130_000, 120_000)],
      restartAfter(0),
    ],
    [
      'counts the crash that ended the health as the first',
      [fruitless(0), fruitless(1), fruitless(130_000, 120_000), fruitless(130_001)],
      restartAfter(1000),
    ],
    [
      'does not forget when the health lasted a millisecond less',
      [fruitless(0), fruitless(1), fruitless(2), fruitless(130_000, 119_999)],
      restartAfter(4000),
    ],
    [
      'forgets at a fruitful crash after health too',
      [fruitless(0), fruitless(1), fruitful(130_000, 125_000), fruitless(130_010)],
      restartAfter(0),
    ],
  ])('%s', (_, crashes, decision) => {
    expect(decide(crashes)).toEqual(decision)
  })

  test('spreads its delay by 20 % both ways, and never over maxDelayMs', () => {
    const two = [fruitless(0), fruitless(1)]
    expect(decide(two, { random: 0 })).toEqual(restartAfter(800))
    expect(decide(two, { random: 1 })).toEqual(restartAfter(1200))
    const patient = { ...config, maxRestarts: 100 }
    const many = [...Array(60).keys()].map((at) => fruitless(at))
    expect(decide(many, { random: 1, config: patient })).toEqual(restartAfter(60_000))
    expect(decide(many, { random: 0, config: patient })).toEqual(restartAfter(48_000))
  })
})

describe('a probe of a parked slot', () => {
  const parkedLongAgo = [fruitless(0), fruitless(400_000)]

  test('that crashes without fruit parks the slot again, however long ago the other crashes were', () => {
    expect(decide(parkedLongAgo, { wasProbe: true })).toEqual(park)
    expect(decide(parkedLongAgo)).toEqual(restartAfter(1000))
  })

  test('that finished something is restarted at once', () => {
    expect(decide([fruitless(0), fruitful(400_000)], { wasProbe: true })).toEqual(restartAfter(0))
  })

  test('that stayed healthy is a probe no more', () => {
    expect(decide([fruitless(0), fruitless(600_000, 150_000)], { wasProbe: true })).toEqual(restartAfter(0))
  })
})

describe('a crash', () => {
  const message = { topic: 'orders', partition: 1, offset: 7n }

  test.each([
    ['is fruitless when nothing was finished', { finishedSinceStart: 0, inFlight: [], earlierVictims: [] }, false],
    [
      'is fruitful when a message was finished',
      { finishedSinceStart: 1, inFlight: [message], earlierVictims: [] },
      true,
    ],
    [
      'is fruitless on a message that had already killed one',
      { finishedSinceStart: 900, inFlight: [{ ...message, offset: 3n }, message], earlierVictims: [{ ...message }] },
      false,
    ],
    [
      'is fruitful on a neighbour of a message that had killed one',
      { finishedSinceStart: 900, inFlight: [{ ...message, offset: 8n }], earlierVictims: [message] },
      true,
    ],
    [
      'is fruitful on the same offset of another partition',
      { finishedSinceStart: 900, inFlight: [{ ...message, partition: 2 }], earlierVictims: [message] },
      true,
    ],
  ])('%s', (_, died, answer) => {
    expect(isFruitful(died)).toBe(answer)
  })
})

describe('the pool escalates', () => {
  const ask = (more: Partial<Parameters<typeof decideEscalation>[0]>) =>
    decideEscalation({ crashes: [], parked: 0, size: 4, nowMs: 1_000_000, config, ...more })
  const crashesAt = (atMs: number, count: number) => Array.from({ length: count }, () => fruitless(atMs))

  test('when all slots are parked', () => {
    expect(ask({ parked: 3 })).toBeNull()
    expect(ask({ parked: 4 })).toBe('all 4 slots are parked')
    expect(ask({ parked: 1, size: 1 })).toBe('the only slot is parked')
  })

  test('when there were more than maxPoolRestarts fruitless crashes in the window', () => {
    expect(ask({ crashes: crashesAt(999_000, 12) })).toBeNull()
    expect(ask({ crashes: crashesAt(999_000, 13) })).toBe(
      '13 crashes within 300 s brought the work no further; 12 are allowed',
    )
  })

  test('but not for fruitful crashes, nor for those before the window', () => {
    expect(ask({ crashes: Array.from({ length: 1000 }, () => fruitful(999_000)) })).toBeNull()
    expect(ask({ crashes: crashesAt(700_000, 50) })).toBeNull()
  })
})

/** Histories as a slot lives through them: each crash after the one before and its health. */
const histories = fc
  .array(
    fc.record({
      gapMs: fc.integer({ min: 1, max: 100_000 }),
      healthyMs: fc.oneof(
        { weight: 5, arbitrary: fc.integer({ min: 0, max: 2000 }) },
        fc.integer({ min: 0, max: 200_000 }),
      ),
      fruitful: fc.boolean(),
    }),
    { minLength: 1, maxLength: 80 },
  )
  .map((steps) => {
    let atMs = 0
    return steps.map(({ gapMs, healthyMs, fruitful }): Crash => {
      atMs += gapMs + healthyMs
      return { atMs, fruitful, healthyMs }
    })
  })
const unit = fc.double({ min: 0, max: 1, noNaN: true })

describe('for every history of crashes', () => {
  test('a delay is never negative and never over maxDelayMs', () => {
    fc.assert(
      fc.property(histories, unit, fc.nat(100_000), fc.nat(100_000), (crashes, random, delayMs, maxDelayMs) => {
        const decision = decide(crashes, { random, config: { ...config, delayMs, maxDelayMs, maxRestarts: 1000 } })
        if (decision.action !== 'restart') throw new Error('parked')
        expect(decision.delayMs).toBeGreaterThanOrEqual(0)
        expect(decision.delayMs).toBeLessThanOrEqual(maxDelayMs)
      }),
    )
  })

  test('one more fruitless crash never shortens the delay', () => {
    fc.assert(
      fc.property(histories, unit, (crashes, random) => {
        const patient = { ...config, maxRestarts: 1000 }
        const last = crashes.at(-1)
        if (last === undefined || last.fruitful) return
        const before = decide(crashes, { random, config: patient })
        const after = decide([...crashes, fruitless(last.atMs + 1)], { random, config: patient })
        if (before.action !== 'restart' || after.action !== 'restart') throw new Error('parked')
        expect(after.delayMs).toBeGreaterThanOrEqual(before.delayMs)
      }),
    )
  })

  test('the same question has the same answer, and asking changes nothing', () => {
    fc.assert(
      fc.property(histories, unit, fc.boolean(), (crashes, random, wasProbe) => {
        const copy = structuredClone(crashes)
        expect(decide(crashes, { random, wasProbe })).toEqual(decide(copy, { random, wasProbe }))
        expect(crashes).toEqual(copy)
      }),
    )
  })

  test('what was before a healthy incarnation has no say', () => {
    fc.assert(
      fc.property(histories, histories, unit, (before, after, random) => {
        const first = after[0] as Crash
        const start = (before.at(-1) as Crash).atMs
        const since = [{ ...first, healthyMs: config.healthyAfterMs }, ...after.slice(1)].map((crash) => ({
          ...crash,
          atMs: crash.atMs + start,
        }))
        expect(decide([...before, ...since], { random })).toEqual(decide(since, { random }))
      }),
    )
  })

  test('the remembered part of the history decides as the whole, and stays small', () => {
    fc.assert(
      fc.property(
        histories,
        unit,
        fc.boolean(),
        fc.integer({ min: 1, max: 60 }),
        (crashes, random, wasProbe, maxRestarts) => {
          const settings = { ...config, maxRestarts }
          let remembered: readonly Crash[] = []
          for (const crash of crashes) remembered = rememberCrash(remembered, crash, settings)
          const more = { random, wasProbe, config: settings }
          expect(decide(remembered, more)).toEqual(decide(crashes, more))
          expect(remembered.length).toBeLessThanOrEqual(Math.max(maxRestarts, 41) + 1)
        },
      ),
    )
  })

  test('a slot that dies at once whenever it is started is parked after maxRestarts crashes', () => {
    fc.assert(
      fc.property(fc.array(unit, { minLength: 8, maxLength: 8 }), (randoms) => {
        let nowMs = 0
        const crashes: Crash[] = []
        const actions = randoms.map((random) => {
          crashes.push(fruitless(nowMs))
          const decision = decide(crashes, { random })
          nowMs += decision.action === 'restart' ? decision.delayMs : 0
          return decision.action
        })
        expect(actions).toEqual([...Array(7).fill('restart'), 'park'])
      }),
    )
  })
})
