import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Circumstances, type Ending, verdictOn } from '#src/cli/supervise/verdict.js'
import { NO_CRASHES } from '#src/control/supervision/restarts.js'
import { restartConfig } from '../../../support/config/restart-config.js'

const ending = (more: Partial<Ending>): Ending => ({
  ...{ code: null, signal: null, healthyMs: 0, isRefused: false },
  ...more,
})
const given = (more: Partial<Circumstances> = {}): Circumstances => ({
  ...{ history: NO_CRASHES, restart: restartConfig(), hasRun: true, isStopping: false, nowMs: 0, random: 0.5 },
  ...more,
})

describe('a supervisor ends', () => {
  test.each([
    ['a clean end', { code: 0 }, {}, 0],
    ['a pool that gave up', { code: 70 }, {}, 70],
    ['a second SIGINT', { code: 130 }, {}, 130],
    ['a second SIGTERM', { code: 143 }, {}, 143],
    ['SIGTERM before anybody listened', { signal: 'SIGTERM' }, {}, 143],
    ['a first start that failed', { code: 1 }, { hasRun: false }, 1],
    ['a configuration that has become unusable', { code: 1, isRefused: true }, {}, 1],
    ['a crash while it stops', { signal: 'SIGSEGV' }, { isStopping: true }, 139],
    ['a failure while it stops', { code: 1 }, { isStopping: true }, 1],
  ] as const)('after %s, with the same exit code', (_, how, circumstances, code) => {
    expect(verdictOn(ending(how), given(circumstances))).toEqual({ action: 'exit', code })
  })
})

describe('a process is started again', () => {
  test.each([
    ['SIGABRT', { signal: 'SIGABRT' }, {}],
    ['SIGKILL', { signal: 'SIGKILL' }, {}],
    ['a crash before it had ever run', { signal: 'SIGSEGV' }, { hasRun: false }],
    ['an error that nobody caught', { code: 1 }, {}],
    ['any other exit code', { code: 7 }, {}],
    ['one that could not be started', {}, { hasRun: false }],
  ] as const)('after %s, the first time at once', (_, how, circumstances) => {
    expect(verdictOn(ending(how), given(circumstances))).toMatchObject({ action: 'restart', delayMs: 0 })
  })

  /** The verdicts on so many crashes, one after the other. */
  const crashes = (times: number, healthyMs: number, restart = restartConfig()) => {
    const verdicts = []
    let history = NO_CRASHES
    for (let n = 0; n < times; n++) {
      const verdict = verdictOn(ending({ signal: 'SIGABRT', healthyMs }), given({ history, restart }))
      verdicts.push(verdict.action === 'restart' ? verdict.delayMs / 1_000 : verdict.action)
      if ('history' in verdict) history = verdict.history
    }
    return verdicts
  }

  test('after longer and longer pauses, until it gives up', () => {
    expect(crashes(8, 0)).toEqual([0, 1, 2, 4, 8, 16, 32, 'give-up'])
    expect(crashes(3, 0, restartConfig({ maxRestarts: 3, delayMs: 10 }))).toEqual([0, 0.01, 'give-up'])
  })

  test('however much it had done, unless it was well for long', () => {
    expect(crashes(3, 119_999)).toEqual([0, 1, 2])
    expect(crashes(20, 120_000)).toEqual(Array(20).fill(0))
  })

  test('never for ever without a pause: whatever happens, so many in a row end it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(119_999), { minLength: 8, maxLength: 8 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (times, random) => {
          let history = NO_CRASHES
          for (const healthyMs of times) {
            const verdict = verdictOn(ending({ signal: 'SIGKILL', healthyMs }), given({ history, random }))
            if (verdict.action === 'exit') throw new Error('nobody wanted that')
            history = verdict.history
            if (verdict.action === 'give-up') return
            expect(verdict.delayMs).toBeLessThanOrEqual(60_000)
          }
          throw new Error('it did not give up')
        },
      ),
    )
  })
})
