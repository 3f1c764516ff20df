import { describe, expect, test } from 'vitest'
import { CrashBook } from '#src/control/supervision/crash-book.js'
import { type Suspect, Suspects } from '#src/control/supervision/suspects.js'
import { restartConfig } from '../../../support/config/restart-config.js'

const config = restartConfig()
const message = (offset: number, partition = 0): Suspect => ({ topic: 'orders', partition, offset: String(offset) })

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

/** Lives through one thread after the other, on a clock of its own, until the slot is parked. */
const live = (lives: (thread: number) => Life, atMost = 100) => {
  const book = new CrashBook(config, new Suspects())
  let nowMs = 0
  for (let thread = 1; thread <= atMost; thread++) {
    const { loadMs = 0, aliveMs, finished, inFlight } = lives(thread)
    nowMs += loadMs
    book.ready(nowMs)
    nowMs += aliveMs
    const { decision } = book.crashed({
      atMs: nowMs,
      inFlightMs: inFlight?.[1] ?? 0,
      finishedSinceStart: finished,
      inFlight: inFlight === undefined ? [] : [message(inFlight[0])],
    })
    if (decision.action === 'park') return { parkedAfter: thread, nowMs }
    nowMs += decision.delayMs
  }
  return { parkedAfter: null, nowMs }
}

describe('a slot whose threads', () => {
  test.each<[string, Life, number | null]>([
    ['die at once', { aliveMs: 0, finished: 0 }, 8],
    ['die after 5 s with nothing finished', { aliveMs: 5_000, finished: 0 }, 8],
    ['take 40 s to load and die then', { loadMs: 40_000, aliveMs: 10, finished: 0 }, 8],
    ['die after 35 s with nothing finished', { aliveMs: 35_000, finished: 0 }, 8],
    ['hang in the same message for 60 s', { aliveMs: 66_000, finished: 10, inFlight: [7, 65_000] }, 9],
    ['hang in the first message for 60 s', { aliveMs: 66_000, finished: 0, inFlight: [7, 65_000] }, 8],
    ['die after 100 s with nothing finished', { aliveMs: 100_000, finished: 0 }, 8],
    // The first one bears fruit: nobody knows yet that the message hangs.
    ['hang in the same message for 5 min', { aliveMs: 305_000, finished: 10, inFlight: [7, 304_000] }, 9],
    ['come to the killer late, by the way of others', { aliveMs: 200_000, finished: 10, inFlight: [7, 5] }, 9],
    ['die after 2 min with nothing finished', { aliveMs: 120_000, finished: 0 }, null],
    ['die at once, each with a message finished', { aliveMs: 0, finished: 1 }, null],
  ])('%s is parked when its crashes have borne no fruit eight times in a row, and only then', (_, life, parkedAfter) => {
    expect(live(() => life).parkedAfter).toBe(parkedAfter)
  })

  test('bring the work further every other time is never parked, but slowed down', () => {
    const { parkedAfter, nowMs } = live((thread) => ({ aliveMs: 0, finished: thread % 2 }))
    expect(parkedAfter).toBeNull()
    expect(nowMs).toBeGreaterThan(40 * 0.8 * config.maxDelayMs)
  })

  test('hang for 5 min in another message each time and finish nothing is parked: to hang is not to be healthy', () => {
    const life = (thread: number): Life => ({ aliveMs: 305_000, finished: 0, inFlight: [thread, 304_000] })
    expect(live(life).parkedAfter).toBe(8)
  })

  test('hang for 5 min in one message after the other are never parked', () => {
    const life = (thread: number): Life => ({ aliveMs: 305_000, finished: 1, inFlight: [thread, 304_000] })
    expect(live(life).parkedAfter).toBeNull()
  })
})

describe('a message that kills', () => {
  const death = (inFlight: readonly Suspect[]) => ({ atMs: 10, inFlightMs: 1, finishedSinceStart: 900, inFlight })

  test('is recognised by the slot that got its partition from the one that it killed first', () => {
    const suspects = new Suspects()
    const [one, other] = [new CrashBook(config, suspects), new CrashBook(config, suspects)]
    expect(one.crashed(death([message(3), message(7)])).crash.fruitful).toBe(true)
    expect(other.crashed(death([message(7)])).crash.fruitful).toBe(false)
  })

  test('is not taken for its neighbour, nor for the same offset elsewhere, nor by another group', () => {
    const suspects = new Suspects()
    const book = new CrashBook(config, suspects)
    book.crashed(death([message(7)]))
    expect(book.crashed(death([message(8), message(7, 1)])).crash.fruitful).toBe(true)
    expect(new CrashBook(config, new Suspects()).crashed(death([message(7)])).crash.fruitful).toBe(true)
  })

  test('is remembered over many others, which do not fill the memory', () => {
    const suspects = new Suspects()
    suspects.accuse([message(0)])
    suspects.accuse([message(1)])
    for (let offset = 2; offset < 10_000; offset++) suspects.accuse([message(offset)])
    expect(suspects.accuse([message(0)])).toBe(true)
    suspects.accuse([message(10_000)]) // one too many: the oldest is forgotten
    expect(suspects.accuse([message(0)])).toBe(true)
    expect(suspects.accuse([message(1)])).toBe(false)
  })
})

describe('after a death that bore no fruit a slot', () => {
  const crashedBy = (inFlight: readonly Suspect[]) => {
    const book = new CrashBook(config, new Suspects())
    book.crashed({ atMs: 10, inFlightMs: 1, finishedSinceStart: 0, inFlight })
    return book
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
    const book = crashedBy([message(7)])
    book.crashed({ atMs: 20, inFlightMs: 1, finishedSinceStart: 5, inFlight: [] })
    expect(book.isUnproven(busy)).toBe(false)
  })
})

test('a slot that was parked is tried again after 1, 2, 4, 8, 10 and 10 minutes, until it works', () => {
  const book = new CrashBook(config, new Suspects())
  const crash = (finishedSinceStart = 0) => {
    book.ready(0)
    return book.crashed({ atMs: 10, inFlightMs: 0, finishedSinceStart, inFlight: [] }).decision
  }
  for (let n = 1; n < 8; n++) expect(crash().action).toBe('restart')
  const minutes = [1, 2, 4, 8, 10, 10].map((n) => ({ action: 'park', probeInMs: n * 60_000 }))
  expect(minutes.map(() => crash())).toEqual(minutes)
  expect(crash(1)).toEqual({ action: 'restart', delayMs: 0 })
  expect(crash().action).toBe('restart')
})
