import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { resolveConfig } from '#src/config/resolve.js'
import { type FailurePolicy, judgeFailure } from '#src/data/handling/retry.js'
import { NonRetriableError } from '#src/errors.js'
import { backoffMs } from '#src/util/backoff.js'

const policy: FailurePolicy = {
  retry: { attempts: 5, initialDelayMs: 200, maxDelayMs: 30_000 },
  ...{ onExhausted: 'pause', deadLetter: null },
}
const deadLetter = { topic: 'dead', partition: 'any', breaker: 10, resumeAfterMs: null } as const
const plain = new Error('no')

test('the attempts of a message take about 100 s by default, so that an outage of a minute exhausts nothing', () => {
  const options = { kafka: { brokers: ['a:1'] }, consumer: { groupId: 'g' }, topics: ['t'], handler: './h.js' }
  const retry = resolveConfig({ ...options, workers: 1 }).slots[0]?.retry
  if (retry === undefined) throw new Error('no slot')
  const waits = Array.from({ length: retry.attempts - 1 }, (_, index) => backoffMs(index + 1, retry, 0.5))
  const allMs = waits.reduce((sum, waitMs) => sum + waitMs, 0)
  expect(allMs).toBeGreaterThan(90_000)
  expect(allMs).toBeLessThan(110_000)
})

describe('a failed attempt', () => {
  test.each([
    [1, 200],
    [2, 400],
    [3, 800],
    [4, 1600],
  ])('number %i is followed by a pause of %i ms', (attempt, delayMs) => {
    expect(judgeFailure(attempt, plain, policy, 0.5)).toEqual({ outcome: 'retry', delayMs })
  })

  test('exhausts the message when it was the last one', () => {
    expect(judgeFailure(5, plain, policy, 0.5)).toEqual({ outcome: 'paused' })
    expect(judgeFailure(5, plain, { ...policy, onExhausted: 'skip' }, 0.5)).toEqual({ outcome: 'skipped' })
  })

  test('at a message that was exhausted before is the only one', () => {
    expect(judgeFailure(2, plain, policy, 0.5, true)).toEqual({ outcome: 'paused' })
  })

  test.each([
    ['NonRetriableError', new NonRetriableError('never')],
    ['a subclass of it', new (class extends NonRetriableError {})('never')],
    ['the class of another copy of the package', Object.assign(new Error('never'), { name: 'NonRetriableError' })],
  ])('with %s is the last one', (_, thrown) => {
    expect(judgeFailure(1, thrown, policy, 0.5)).toEqual({ outcome: 'paused' })
  })

  test('goes to the dead-letter topic where there is one, with the reason', () => {
    const withTopic = { ...policy, deadLetter }
    expect(judgeFailure(4, plain, withTopic, 0.5)).toMatchObject({ outcome: 'retry' })
    expect(judgeFailure(5, plain, withTopic, 0.5)).toEqual({ outcome: 'dead-letter', reason: 'exhausted' })
    expect(judgeFailure(2, plain, withTopic, 0.5, true)).toEqual({ outcome: 'dead-letter', reason: 'exhausted' })
    const final = { outcome: 'dead-letter', reason: 'non-retriable' }
    expect(judgeFailure(1, new NonRetriableError('never'), withTopic, 0.5)).toEqual(final)
  })

  const hostile = new Proxy(
    {},
    {
      get: () => {
        throw new Error('hands off')
      },
    },
  )
  test.each([
    ['null', null],
    ['undefined', undefined],
    ['a string', 'no'],
    ['an object that cannot be read', hostile],
    ['an error that merely says it cannot be retried', Object.assign(new Error('no'), { retriable: false })],
  ])('with %s is tried again like any other', (_, thrown) => {
    expect(judgeFailure(1, thrown, policy, 0.5)).toEqual({ outcome: 'retry', delayMs: 200 })
  })
})

test('a pause is never longer than maxDelayMs and within 20 % of the doubled one below it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
      const delayMs = backoffMs(failures, { initialDelayMs: 100, maxDelayMs: 30_000 }, random)
      const plainMs = Math.min(100 * 2 ** (failures - 1), 30_000)
      expect(delayMs).toBeLessThanOrEqual(30_000)
      expect(delayMs).toBeGreaterThanOrEqual(Math.floor(plainMs * 0.8))
      expect(delayMs).toBeLessThanOrEqual(Math.ceil(plainMs * 1.2))
    }),
  )
})
