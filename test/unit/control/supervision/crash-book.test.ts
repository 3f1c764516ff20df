import { describe, expect, test } from 'vitest'
import { CrashBook } from '#src/control/supervision/crash-book.js'
import { type Suspect, Suspects } from '#src/control/supervision/suspects.js'
import { PoolError } from '#src/errors.js'
import { restartConfig } from '../../../support/config/restart-config.js'

const config = restartConfig()
const message = (offset: number, partition = 0): Suspect => ({ topic: 'orders', partition, offset: String(offset) })

const CONVICT_AFTER = 3
const error = new PoolError('KCP_THREAD_EXITED', 'the test says so')
const book = (suspects = new Suspects()) => new CrashBook(config, suspects, CONVICT_AFTER)

/** What becomes of each thread of a slot. */
interface Life {
  /** From its start until it is ready. */
  readonly loadMs?: number
  /** From then until it dies. */
  readonly aliveMs: number
  readonly finished: number
  /** The handler that was in flight when it died, and for how long. */
  readonly inFlight?: readonly [offset: number, forMs: number]
}

/** Lives through one thread after the other, on a clock of its own, until the slot is parked, or a message convicted. */
const live = (lives: (thread: number) => Life, atMost = 100) => {
  const slot = book()
  let nowMs = 0
  for (let thread = 1; thread <= atMost; thread++) {
    const { loadMs = 0, aliveMs, finished, inFlight } = lives(thread)
    nowMs += loadMs
    slot.ready(nowMs)
    nowMs += aliveMs
    const { crash, decision } = slot.crashed({
      atMs: nowMs,
      inFlightMs: inFlight?.[1] ?? 0,
      finishedSinceStart: finished,
      inFlight: inFlight === undefined ? [] : [message(inFlight[0])],
      ...{ inCompany: false, error },
    })
    if (decision.action === 'park') return { over: `parked after ${thread}`, nowMs }
    if (crash.trial === 'convicted') return { over: `convicted after ${thread}`, nowMs }
    nowMs += decision.delayMs
  }
  return { over: null, nowMs }
}

describe('a slot whose threads', () => {
  test.each<[string, Life, string | null]>([
    ['die at once', { aliveMs: 0, finished: 0 }, 'parked after 8'],
    ['die after 5 s with nothing finished', { aliveMs: 5_000, finished: 0 }, 'parked after 8'],
    ['take 40 s to load and die then', { loadMs: 40_000, aliveMs: 10, finished: 0 }, 'parked after 8'],
    ['die after 35 s with nothing finished', { aliveMs: 35_000, finished: 0 }, 'parked after 8'],
    ['die after 100 s with nothing finished', { aliveMs: 100_000, finished: 0 }, 'parked after 8'],
    ['hang in the same message', { aliveMs: 66_000, finished: 10, inFlight: [7, 65_000] }, 'convicted after 3'],
    ['hang in the first message', { aliveMs: 66_000, finished: 0, inFlight: [7, 65_000] }, 'convicted after 3'],
    ['come late to the killer', { aliveMs: 200_000, finished: 10, inFlight: [7, 5] }, 'convicted after 3'],
    ['die after 2 min with nothing finished', { aliveMs: 120_000, finished: 0 }, null],
    ['die at once, each with a message finished', { aliveMs: 0, finished: 1 }, null],
  ])('%s is parked when its crashes have borne no fruit eight times in a row, unless the message is convicted', (_, life, over) => {
    expect(live(() => life).over).toBe(over)
  })

  test('bring the work further every other time is never parked, but slowed down', () => {
    const { over, nowMs } = live((thread) => ({ aliveMs: 0, finished: thread % 2 }))
    expect(over).toBeNull()
    expect(nowMs).toBeGreaterThan(40 * 0.8 * config.maxDelayMs)
  })

  test('hang for 5 min in another message each time and finish nothing are slowed down: to hang is not to be healthy', () => {
    const life = (thread: number): Life => ({ aliveMs: 305_000, finished: 0, inFlight: [thread, 304_000] })
    const { over, nowMs } = live(life, 20)
    expect(over).toBeNull() // messages that are on trial come to their end, one way or the other
    expect(nowMs - 20 * 305_000).toBeGreaterThan(10 * 0.8 * config.maxDelayMs)
  })

  test('hang for 5 min in one message after the other are never parked', () => {
    const life = (thread: number): Life => ({ aliveMs: 305_000, finished: 1, inFlight: [thread, 304_000] })
    expect(live(life).over).toBeNull()
  })
})

describe('a message that kills', () => {
  const death = (inFlight: readonly Suspect[]) => ({
    ...{ atMs: 10, inFlightMs: 1, finishedSinceStart: 900, inFlight },
    ...{ inCompany: false, error },
  })

  test('is recognised by the slot that got its partition from the one that it killed first', () => {
    const suspects = new Suspects()
    const [one, other] = [book(suspects), book(suspects)]
    expect(one.crashed(death([message(3), message(7)])).crash.fruitful).toBe(true)
    expect(other.crashed(death([message(7)])).crash.fruitful).toBe(false)
  })

  test('is not taken for its neighbour, nor for the same offset elsewhere, nor by another group', () => {
    const slot = book()
    slot.crashed(death([message(7)]))
    expect(slot.crashed(death([message(8), message(7, 1)])).crash.fruitful).toBe(true)
    expect(book().crashed(death([message(7)])).crash.fruitful).toBe(true)
  })

  test('clears its slot of its crashes when it is convicted: they have borne fruit, and the next one does not wait', () => {
    const slot = book()
    const first = { ...death([message(7)]), finishedSinceStart: 0 }
    expect([slot.crashed(first), slot.crashed(first), slot.crashed(first)]).toMatchObject([
      { crash: { fruitful: false, trial: 'open', killer: 'orders-0@7' } },
      { crash: { fruitful: false, trial: 'open' }, decision: { action: 'restart' } },
      { crash: { fruitful: true, trial: 'convicted', killer: 'orders-0@7' }, decision: { delayMs: 0 } },
    ])
    expect(slot.crashed({ ...first, inFlight: [message(8)] }).decision).toEqual({ action: 'restart', delayMs: 0 })
  })

  test('parks no slot, however few crashes that takes', () => {
    const strict = new CrashBook({ ...config, maxRestarts: 1 }, new Suspects(), CONVICT_AFTER)
    const first = { ...death([message(7)]), finishedSinceStart: 0 }
    expect([1, 2, 3].map(() => strict.crashed(first).decision.action)).toEqual(['restart', 'restart', 'restart'])
    expect(strict.crashed({ ...first, inFlight: [] }).decision.action).toBe('park')
  })
})

describe('after a death that bore no fruit a slot', () => {
  const crashedBy = (inFlight: readonly Suspect[]) => {
    const slot = book()
    slot.crashed({ atMs: 10, inFlightMs: 1, finishedSinceStart: 0, inFlight, inCompany: false, error })
    return slot
  }
  const busy = { finished: 0, inFlight: [message(7)], messagesWait: true }

  test.each([
    ['is unproven while its thread has finished nothing', { ...busy, inFlight: [] }, true],
    ['is unproven while its thread handles the message that killed', { ...busy, finished: 900 }, true],
    ['is proven when its thread finishes others', { finished: 1, inFlight: [message(8)], messagesWait: true }, false],
    ['is proven when nothing is left to do', { finished: 0, inFlight: [], messagesWait: false }, false],
  ])('%s', (_, trial, unproven) => {
    expect(crashedBy([message(7)]).isUnproven(trial)).toBe(unproven)
  })

  test('is proven by the next death that bears fruit', () => {
    const slot = crashedBy([message(7)])
    slot.crashed({ atMs: 20, inFlightMs: 1, finishedSinceStart: 5, inFlight: [], inCompany: false, error })
    expect(slot.isUnproven(busy)).toBe(false)
  })
})

test('a slot that was parked is tried again after 1, 2, 4, 8, 10 and 10 minutes, until it works', () => {
  const slot = book()
  const crash = (finishedSinceStart = 0) => {
    slot.ready(0)
    return slot.crashed({ atMs: 10, inFlightMs: 0, finishedSinceStart, inFlight: [], inCompany: false, error }).decision
  }
  for (let n = 1; n < 8; n++) expect(crash().action).toBe('restart')
  const minutes = [1, 2, 4, 8, 10, 10].map((n) => ({ action: 'park', probeInMs: n * 60_000 }))
  expect(minutes.map(() => crash())).toEqual(minutes)
  expect(crash(1)).toEqual({ action: 'restart', delayMs: 0 })
  expect(crash().action).toBe('restart')
})
