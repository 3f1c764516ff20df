import { describe, expect, test } from 'vitest'
import { Holdings } from '#src/control/holdings.js'
import { StallWatch, stallLimitMs } from '#src/control/supervision/stall-watch.js'
import { NO_END } from '#src/protocol/page.js'
import { pauseAt } from '../../../support/control/pause.js'

const LIMIT_MS = 60_000

/** Partitions in each of which messages wait, and a watch over them with a clock of its own. */
const watching = (partitions = 1) => {
  const holdings = new Holdings()
  holdings.add(
    Array.from({ length: partitions }, (_, partition) => ({ topic: 'orders', partition, offset: 5n, committed: 5n })),
  )
  const watch = new StallWatch(LIMIT_MS)
  let nowMs = 0
  const held = holdings.all()
  for (const { page, index } of held) page.fetched(index, 5, 10)
  const look = (seconds: number, { works = true, isBusy = false, eachMs = 1_000 } = {}) => {
    for (let n = 0; n < seconds; n++) {
      nowMs += eachMs
      watch.look(holdings.all(), { works, isBusy }, nowMs)
    }
    return watch.stalled.map(({ partition }) => partition)
  }
  look(1)
  return { holdings, held, look, now: () => nowMs }
}

/** The first partition, as its thread sees it. */
const first = ({ held: [holding] }: ReturnType<typeof watching>) => {
  if (holding === undefined) throw new Error('nothing is held')
  return holding
}

describe('a stall', () => {
  test('is a partition in which messages wait and nothing has moved for longer than the limit', () => {
    const bench = watching(2)
    for (let offset = 6; offset <= 8; offset++) {
      bench.look(30)
      first(bench).page.finish(0, offset)
    }
    expect(bench.look(1)).toEqual([1])
  })

  test('is over when its partition moves', () => {
    const bench = watching()
    expect(bench.look(60)).toEqual([])
    expect(bench.look(1)).toEqual([0])
    first(bench).page.finish(0, 6)
    expect(bench.look(1)).toEqual([])
    expect(bench.look(60)).toEqual([])
    expect(bench.look(1)).toEqual([0])
  })

  test('is a partition that was never fetched, too: nobody can know that nothing waits there', () => {
    const bench = watching()
    bench.holdings.rehouse()
    expect(bench.look(62)).toEqual([0])
  })

  test('is a partition that cannot be fetched, however busy the slot is with the others', () => {
    const bench = watching(2)
    bench.look(1, { isBusy: true })
    first(bench).page.fetched(0, 5, NO_END)
    expect(bench.look(60, { isBusy: true })).toEqual([])
    expect(bench.look(1, { isBusy: true })).toEqual([0])
    expect(bench.look(200, { works: false })).toEqual([0])
  })
})

test('one that is tried again, and does not get there, is a stall like any other', () => {
  const bench = watching()
  first(bench).paused = pauseAt(5, { retryAtMs: null })
  expect(bench.look(61)).toEqual([0])
})

describe('no stall is', () => {
  test('what a thread inherits: a fresh one has all the time that its predecessor had', () => {
    const bench = watching()
    expect(bench.look(61)).toEqual([0])
    bench.holdings.rehouse()
    expect(bench.look(61)).toEqual([])
    expect(bench.look(1)).toEqual([0])
  })

  test('a partition in which nothing waits', () => {
    const bench = watching()
    first(bench).page.finish(0, 10)
    expect(bench.look(200)).toEqual([])
  })

  test('one that stands still on purpose', () => {
    const bench = watching()
    first(bench).paused = pauseAt(5)
    expect(bench.look(200)).toEqual([])
  })

  test('one whose message is tried again later, however long the pause; what comes after it counts anew', () => {
    const bench = watching()
    bench.look(50)
    first(bench).page.retryAt(0, bench.now() + 3_600_000)
    expect(bench.look(3_599)).toEqual([])
    expect(bench.look(60)).toEqual([])
    expect(bench.look(3)).toEqual([0])
  })

  test.each([
    ['handlers are busy', { isBusy: true }],
    ['the group rebalances', { works: false }],
  ])('the time in which %s', (_, condition) => {
    const bench = watching()
    expect(bench.look(200, condition)).toEqual([])
    expect(bench.look(60)).toEqual([])
    expect(bench.look(1)).toEqual([0])
  })

  test('the time for which main was held up', () => {
    const bench = watching()
    expect(bench.look(10, { eachMs: 300_000 })).toEqual([])
  })
})

test.each([
  [6_000, 12_000],
  [45_000, 90_000],
  [1_800_000, 300_000],
])('with sessions of %i ms a partition may stand still for %i ms', (sessionTimeout, limitMs) => {
  expect(stallLimitMs({ sessionTimeout })).toBe(limitMs)
})
