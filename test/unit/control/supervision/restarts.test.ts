import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RestartConfig } from '#src/config/resolved.js'
import {
  afterCrash,
  type Crash,
  type CrashHistory,
  decideEscalation,
  decideRestart,
  NO_CRASHES,
} from '#src/control/supervision/restarts.js'
import { restartConfig } from '../../../support/config/restart-config.js'

const config = restartConfig({ maxPoolRestarts: 12 })
const fruitless = (healthyMs = 0): Crash => ({ atMs: 0, fruitful: false, healthyMs })
const fruitful = (healthyMs = 0): Crash => ({ atMs: 0, fruitful: true, healthyMs })
const times = (count: number, crash: Crash): Crash[] => Array.from({ length: count }, () => crash)
const history = (crashes: readonly Crash[], before: CrashHistory = NO_CRASHES): CrashHistory =>
  crashes.reduce((so, crash) => afterCrash(so, crash, config), before)
const decide = (crashes: readonly Crash[], random = 0.5, more: Partial<RestartConfig> = {}) =>
  decideRestart(history(crashes), { ...config, ...more }, random)
const restartAfter = (delayMs: number) => ({ action: 'restart', delayMs })
const park = { action: 'park', probeInMs: 60_000 }

describe('a restart', () => {
  test.each<[string, Crash[], object]>([
    ['follows a fruitful crash at once', [fruitful()], restartAfter(0)],
    ['follows the first fruitless crash at once', [fruitless()], restartAfter(0)],
    ['waits delayMs after the second fruitless crash', times(2, fruitless()), restartAfter(1000)],
    ['waits twice as long after the third', times(3, fruitless()), restartAfter(2000)],
    ['waits 32 times as long after the seventh', times(7, fruitless()), restartAfter(32_000)],
    ['does not happen after the eighth in a row: the slot is parked', times(8, fruitless()), park],
    [
      'counts only what came after the last fruitful crash towards parking',
      [...times(7, fruitless()), fruitful(), fruitless()],
      restartAfter(60_000),
    ],
    ['is not slowed down by fruitful crashes before', times(20, fruitful()), restartAfter(0)],
    [
      'is not speeded up by a fruitful crash between two fruitless ones',
      [fruitless(), fruitful(), fruitless()],
      restartAfter(1000),
    ],
    ['follows a fruitful crash at once, whatever was before', [...times(2, fruitless()), fruitful()], restartAfter(0)],
    [
      'starts from the beginning when the incarnation that died was healthy for healthyAfterMs',
      [...times(3, fruitless()), fruitless(120_000)],
      restartAfter(0),
    ],
    [
      'counts the crash that ended the health as the first',
      [...times(2, fruitless()), fruitless(120_000), fruitless()],
      restartAfter(1000),
    ],
    [
      'does not forget when the health lasted a millisecond less',
      [...times(3, fruitless()), fruitless(119_999)],
      restartAfter(4000),
    ],
    [
      'forgets at a fruitful crash after health too',
      [...times(2, fruitless()), fruitful(125_000), fruitless()],
      restartAfter(0),
    ],
  ])('%s', (_, crashes, decision) => {
    expect(decide(crashes)).toEqual(decision)
  })

  test('spreads its delay by 20 % both ways, and never over maxDelayMs', () => {
    expect(decide(times(2, fruitless()), 0)).toEqual(restartAfter(800))
    expect(decide(times(2, fruitless()), 1)).toEqual(restartAfter(1200))
    expect(decide(times(60, fruitless()), 1, { maxRestarts: 100 })).toEqual(restartAfter(60_000))
    expect(decide(times(60, fruitless()), 0, { maxRestarts: 100 })).toEqual(restartAfter(48_000))
  })
})

describe('a probe of a parked slot', () => {
  const probe = (crash: Crash, parked = 1) =>
    decideRestart(afterCrash({ ...history(times(2, fruitless())), parked }, crash, config), config, 0.5)

  test('that crashes without fruit parks the slot again, for twice as long each time and at most ten minutes', () => {
    const waits = [0, 1, 2, 3, 4, 50].map((parked) => decideRestart({ fruitless: 8, inARow: 8, parked }, config, 0.5))
    expect(waits).toEqual([60, 120, 240, 480, 600, 600].map((s) => ({ action: 'park', probeInMs: s * 1000 })))
    expect(probe(fruitless())).toEqual({ action: 'park', probeInMs: 120_000 })
  })

  test('waits for probeMs where that is longer than ten minutes', () => {
    const patient = { ...config, probeMs: 3_600_000 }
    const decision = decideRestart({ fruitless: 9, inARow: 9, parked: 3 }, patient, 0.5)
    expect(decision).toEqual({ action: 'park', probeInMs: 3_600_000 })
  })

  test('that finished something is restarted at once, and is a probe no more', () => {
    expect(probe(fruitful(), 3)).toEqual(restartAfter(0))
    expect(history([fruitful()], { fruitless: 9, inARow: 9, parked: 3 })).toMatchObject({ inARow: 0, parked: 0 })
  })

  test('that stayed healthy is a probe no more', () => {
    expect(probe(fruitless(150_000))).toEqual(restartAfter(0))
  })
})

describe('the pool escalates', () => {
  const ask = (more: Partial<Parameters<typeof decideEscalation>[0]>) =>
    decideEscalation({ crashes: [], parked: 0, size: 4, nowMs: 1_000_000, config, ...more })
  const crashesAt = (atMs: number, count: number) => times(count, { ...fruitless(), atMs })

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
    expect(ask({ crashes: times(1000, { ...fruitful(), atMs: 999_000 }) })).toBeNull()
    expect(ask({ crashes: crashesAt(700_000, 50) })).toBeNull()
  })
})

const anyCrash = fc.record<Crash>({
  atMs: fc.nat(),
  fruitful: fc.boolean(),
  healthyMs: fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 2000 }) },
    fc.integer({ min: 0, max: 200_000 }),
  ),
})
const someCrashes = fc.array(anyCrash, { minLength: 1, maxLength: 80 })
const unit = fc.double({ min: 0, max: 1, noNaN: true })

describe('for every history of crashes', () => {
  test('a delay is never negative and never over maxDelayMs', () => {
    fc.assert(
      fc.property(someCrashes, unit, fc.nat(100_000), fc.nat(100_000), (crashes, random, delayMs, maxDelayMs) => {
        const decision = decide(crashes, random, { delayMs, maxDelayMs, maxRestarts: 1000 })
        if (decision.action !== 'restart') throw new Error('parked')
        expect(decision.delayMs).toBeGreaterThanOrEqual(0)
        expect(decision.delayMs).toBeLessThanOrEqual(maxDelayMs)
      }),
    )
  })

  test('one more fruitless crash never shortens the delay', () => {
    fc.assert(
      fc.property(someCrashes, unit, (crashes, random) => {
        if (crashes.at(-1)?.fruitful) return
        const before = decide(crashes, random, { maxRestarts: 1000 })
        const after = decide([...crashes, fruitless()], random, { maxRestarts: 1000 })
        if (before.action !== 'restart' || after.action !== 'restart') throw new Error('parked')
        expect(after.delayMs).toBeGreaterThanOrEqual(before.delayMs)
      }),
    )
  })

  test('a slot is parked exactly when its last maxRestarts crashes were fruitless and none of the later ones came after health', () => {
    fc.assert(
      fc.property(someCrashes, fc.integer({ min: 1, max: 10 }), (crashes, maxRestarts) => {
        const last = crashes.slice(-maxRestarts)
        const inARow = last.length === maxRestarts && last.every((crash) => !crash.fruitful)
        const forgotten = last.slice(1).some(({ healthyMs }) => healthyMs >= config.healthyAfterMs)
        expect(decide(crashes, 0.5, { maxRestarts }).action === 'park').toBe(inARow && !forgotten)
      }),
    )
  })

  test('what was before a healthy incarnation has no say', () => {
    fc.assert(
      fc.property(someCrashes, someCrashes, unit, (before, [first, ...others], random) => {
        if (first === undefined) return
        const since = [{ ...first, healthyMs: config.healthyAfterMs }, ...others]
        expect(decide([...before, ...since], random)).toEqual(decide(since, random))
      }),
    )
  })
})
