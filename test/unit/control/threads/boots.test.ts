import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Boots } from '#src/control/threads/boots.js'
import type { PiscinaWorkers } from '#src/control/threads/piscina-workers.js'
import type { DeathSign } from '#src/control/threads/thread-error.js'
import { collectLines } from '../../../support/log-lines.js'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

/** Never boots by itself, and never dies. */
class FakeWorker extends EventEmitter {
  readonly stdout = new PassThrough()
  readonly stderr = new PassThrough()
  readonly terminate = vi.fn()
}

const bench = ({ total = 4, atOnce = 2 } = {}) => {
  const all: FakeWorker[] = []
  const state = { total, waiting: 0, isSettling: false, hasThreads: true }
  const missed: DeathSign['type'][] = []
  const boot = () => {
    if (!state.hasThreads) throw new Error('EAGAIN')
    all.push(new FakeWorker())
  }
  const { logger: log, lines } = collectLines()
  const boots = new Boots({
    ...{ workers: { all, boot } as unknown as PiscinaWorkers, atOnce, timeoutMs: 60_000, modules: ['h'], log },
    total: () => state.total,
    waiting: () => state.waiting,
    isSettling: () => state.isSettling,
    onChange: () => boots.fill(),
    onMissed: ({ type }) => {
      missed.push(type)
      state.waiting -= 1
    },
  })
  const booted = (index: number) => boots.booted(all[index] as unknown as Worker)
  /** As Piscina does: it takes the thread out of its list first. */
  const dies = (index: number, exitCode = 1) => all.splice(index, 1)[0]?.emit('exit', exitCode)
  return { all, state, missed, lines, boots, booted, dies }
}

test('no more than so many boot at the same time, until as many as there are to be are there', () => {
  const { all, boots, booted } = bench({ total: 4, atOnce: 2 })
  boots.fill()
  expect(all).toHaveLength(2)
  booted(0)
  expect(all).toHaveLength(3)
  for (const index of [1, 2, 3]) booted(index)
  expect(all).toHaveLength(4)
  expect(boots.warm).toEqual(all)
})

test('while incarnations get ready a thread is booted for who waits for one, and no spare', () => {
  const { all, state, boots } = bench()
  state.isSettling = true
  boots.fill()
  expect(all).toHaveLength(0)
  state.waiting = 1
  boots.fill()
  expect(all).toHaveLength(1)
  state.isSettling = false
  boots.fill()
  expect(all).toHaveLength(2)
})

test('after a spare has died for nothing none is booted for a second, but for who waits', () => {
  const { all, state, missed, boots, booted, dies } = bench({ total: 1 })
  boots.fill()
  booted(0)
  dies(0)
  expect({ all, missed }).toEqual({ all: [], missed: [] })
  state.waiting = 1
  boots.fill()
  expect(all).toHaveLength(1)
  dies(0)
  expect(missed).toEqual(['exited'])
  vi.advanceTimersByTime(999)
  expect(all).toHaveLength(0)
  vi.advanceTimersByTime(1)
  expect(all).toHaveLength(1)
})

test('the death of a thread that is occupied is not told as that of a spare', () => {
  const { all, lines, boots, booted, dies } = bench({ total: 1 })
  boots.fill()
  booted(0)
  boots.occupy(all[0] as unknown as Worker)
  expect(boots.warm).toEqual([])
  dies(0)
  expect(lines).toEqual([])
  expect(all).toHaveLength(1) // another one
})

test('a thread that the system does not give, and one whose boot hangs, are missed by who waits for them', () => {
  const { all, state, missed, boots } = bench({ total: 1 })
  state.hasThreads = false
  state.waiting = 1
  boots.fill()
  expect(missed).toEqual(['unborn'])
  state.hasThreads = true
  state.waiting = 1
  boots.fill()
  const [hanging] = all
  vi.advanceTimersByTime(60_000)
  expect(hanging?.terminate).toHaveBeenCalledOnce()
  expect(missed).toEqual(['unborn', 'hung'])
})

test('when fewer are to be there, those that wait are ended, and none that has something to do', () => {
  const { all, state, boots, booted, dies } = bench({ total: 4, atOnce: 4 })
  boots.fill()
  for (const index of [0, 1, 2]) booted(index)
  boots.occupy(all[0] as unknown as Worker)
  state.total = 2
  boots.fill()
  const ended = () => all.map(({ terminate }) => terminate.mock.calls.length)
  expect(ended()).toEqual([0, 1, 0, 0])
  boots.fill()
  expect(ended()).toEqual([0, 1, 0, 0])
  booted(3) // it was on its way
  expect(ended()).toEqual([0, 1, 1, 0])
  dies(2)
  dies(1)
  boots.fill()
  expect(ended()).toEqual([0, 0])
  state.total = 3
  boots.fill()
  expect(all).toHaveLength(3)
})

test('one that boots for nobody any more is ended when it has booted', () => {
  const { all, state, boots, booted } = bench({ total: 2, atOnce: 2 })
  boots.fill()
  state.total = 1
  const ended = () => all.map(({ terminate }) => terminate.mock.calls.length)
  booted(0)
  expect(ended()).toEqual([0, 0])
  booted(1)
  expect(ended().sort()).toEqual([0, 1])
})

test('when it is closed nothing is booted any more, and what comes to the end of its boot is ended', () => {
  const { all, boots, booted } = bench({ total: 4, atOnce: 1 })
  boots.fill()
  boots.close()
  booted(0)
  boots.fill()
  expect(all).toHaveLength(1)
  expect(all[0]?.terminate).toHaveBeenCalledOnce()
})
