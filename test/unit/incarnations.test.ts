import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Holdings } from '#src/control/holdings.js'
import { Incarnations } from '#src/control/incarnations.js'
import { FakeThreads } from '../support/control/fake-threads.js'
import { collectLines } from '../support/log-lines.js'
import { slotConfig } from '../support/slot-config.js'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

test('a thread that has its handler and gets no connection is told of once a minute until it has one', async () => {
  const { logger, lines } = collectLines()
  const threads = new FakeThreads()
  const incarnations = new Incarnations({
    config: slotConfig({}),
    threads: threads.asThreads,
    nextClientId: () => 'client',
    view: () => ({ brokers: [], topics: [] }),
    log: logger,
    logLevel: 'silent',
    onReady: () => {},
    onMessage: () => {},
    onExit: () => {},
  })
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
