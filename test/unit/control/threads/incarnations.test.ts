import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Holdings } from '#src/control/holdings.js'
import type { Exit } from '#src/control/threads/incarnation.js'
import { Incarnations } from '#src/control/threads/incarnations.js'
import { monotonicMs } from '#src/util/clock.js'
import { slotConfig } from '../../../support/config/slot-config.js'
import { FakeThreads } from '../../../support/control/fake-threads.js'
import { collectLines } from '../../../support/log-lines.js'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const bench = (loadTimeoutMs = 60_000) => {
  const { logger, lines } = collectLines()
  const threads = new FakeThreads()
  const exits: Exit[] = []
  const incarnations = new Incarnations({
    config: slotConfig({}),
    threads: threads.asThreads,
    nextClientId: () => 'client',
    view: () => ({ brokers: [], topics: [] }),
    log: logger,
    logLevel: () => 'silent',
    journalOf: () => null,
    loadTimeoutMs,
    teardownTimeoutMs: 1_000,
    onReady: () => {},
    onMessage: () => {},
    onExit: (_, exit) => exits.push(exit),
  })
  return { incarnations, threads, lines, exits }
}

test('the time for loading runs from the boot of the thread, not from when it was asked for', async () => {
  const { incarnations, threads, exits } = bench(1_000)
  threads.boards = false
  incarnations.start(new Holdings().rehouse())
  await vi.advanceTimersByTimeAsync(600_000)
  expect(exits).toEqual([])
  threads.last.board()
  await vi.advanceTimersByTimeAsync(999)
  expect(exits).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(exits).toMatchObject([{ reason: 'ended', error: { code: 'KCP_START_TIMED_OUT' } }])
  expect(vi.getTimerCount()).toBe(0)
})

test('a setup that hangs while the thread loads is told as that, and not as an import', async () => {
  const { incarnations, threads, exits } = bench(1_000)
  incarnations.start(new Holdings().rehouse())
  threads.last.ledger.beginHook('setup', performance.now())
  await vi.advanceTimersByTimeAsync(1_000)
  const error = { code: 'KCP_HANDLER_SETUP_FAILED', message: expect.stringMatching(/setup of .*1 s.*loadTimeoutMs/) }
  expect(exits).toMatchObject([{ reason: 'ended', error }])
})

test('a thread that has its handler and gets no connection is told of once a minute until it has one', async () => {
  const { incarnations, threads, lines } = bench()
  incarnations.start(new Holdings().rehouse())
  threads.last.say({ type: 'loaded' })
  await vi.advanceTimersByTimeAsync(150_000)
  const told = [expect.stringContaining('no connection yet'), expect.stringContaining('no connection yet')]
  expect(lines.map(({ msg }) => msg)).toEqual(told)
  threads.last.boot()
  await vi.advanceTimersByTimeAsync(150_000)
  expect(lines.map(({ msg }) => msg)).toEqual(told)
  expect(vi.getTimerCount()).toBe(0)
})

test('a thread without a handler in flight is quiet, although it had no time to say so', async () => {
  const { incarnations, threads } = bench()
  incarnations.start(new Holdings().rehouse())
  threads.last.boot()
  threads.last.silent = true
  const quiet = incarnations.quiesce(0)
  await vi.advanceTimersByTimeAsync(1)
  expect(await quiet).toBe(true)
  threads.last.ledger.begin(0, 1, 5, 1, 0)
  const busy = incarnations.quiesce(0)
  await vi.advanceTimersByTimeAsync(1)
  expect(await busy).toBe(false)
})

test('what threads have counted for metrics stays when they die, with how long handlers had run by then', async () => {
  const { incarnations, threads } = bench()
  const sum = () => incarnations.tally.handlers.counts.sumMs
  for (const ms of [10, 20]) {
    incarnations.start(new Holdings().rehouse())
    const { tally } = threads.last.ledger
    tally.handlers.count(ms)
    tally.fetched(100)
    tally.buffers(ms)
    expect(incarnations.tally.bufferedBytes).toBe(ms)
    threads.last.ledger.begin(0, 7, 1, 1, monotonicMs() - 5_000)
    const before = sum()
    threads.last.crash()
    await vi.advanceTimersByTimeAsync(0)
    expect(sum() - before).toBeGreaterThanOrEqual(4_999)
    expect(incarnations.tally.bufferedBytes).toBe(0)
  }
  expect(incarnations.tally.fetchedBytes).toBe(200)
  expect(incarnations.tally.handlers.counts.counts.reduce((all, count) => all + count)).toBe(4)
})
