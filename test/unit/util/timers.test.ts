import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { after, every, LONGEST_TIMER_MS, sleep } from '#src/util/timers.js'
import { WakeableSleep } from '#src/util/wakeable-sleep.js'
import { within } from '#src/util/within.js'

afterEach(() => {
  vi.useRealTimers()
})

const TOO_LONG_MS = [LONGEST_TIMER_MS + 0.5, 2 ** 31, 2 ** 32, Number.POSITIVE_INFINITY]

test.each(TOO_LONG_MS)('a time of %d ms, which Node takes for 1 ms, does not run out at once', async (ms) => {
  vi.useFakeTimers()
  const plain = vi.fn()
  const ours = vi.fn()
  setTimeout(plain, ms)
  after(ours, ms)
  every(ours, ms)
  void new WakeableSleep().for(ms).then(ours)
  void within(new Promise(() => {}), ms).then(ours)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(plain).toHaveBeenCalledOnce()
  expect(ours).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(LONGEST_TIMER_MS)
  expect(ours).toHaveBeenCalledTimes(4)
})

test('so does a pause that can be broken off', async () => {
  const abort = new AbortController()
  const slept = vi.fn()
  const pause = sleep(2 ** 31, { signal: abort.signal }).then(slept, (error: Error) => error.name)
  await sleep(5)
  expect(slept).not.toHaveBeenCalled()
  abort.abort()
  expect(await pause).toBe('AbortError')
})

test('a time that is over is waited for no longer', async () => {
  vi.useFakeTimers()
  const called = vi.fn()
  after(called, -5)
  await vi.advanceTimersByTimeAsync(1)
  expect(called).toHaveBeenCalledOnce()
})

test('no timer of the package is set anywhere else', () => {
  const files = ['src', 'workers'].flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  const set = files.filter(
    (file) =>
      /\.[cm]?[jt]s$/.test(file) &&
      /\b(?:setTimeout|setInterval|AbortSignal\.timeout)\b/.test(readFileSync(file, 'utf8')),
  )
  expect(set).toEqual([join('src', 'util', 'timers.ts')])
})
