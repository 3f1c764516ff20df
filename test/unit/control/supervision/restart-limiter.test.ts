import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { RestartLimiter } from '#src/control/supervision/restart-limiter.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Asks `count` times and notes when each answer came. */
const ask = (limiter: RestartLimiter, count: number): { atMs: number; admitted: boolean }[] => {
  const answers: { atMs: number; admitted: boolean }[] = []
  for (let n = 0; n < count; n++) {
    void limiter.admit().then((admitted) => answers.push({ atMs: Date.now(), admitted }))
  }
  return answers
}

it('admits 20 restarts at once, and never more than 20 in any second', async () => {
  const limiter = new RestartLimiter()
  const warned = vi.fn()
  process.on('warning', warned)
  const answers = ask(limiter, 10)
  await vi.advanceTimersByTimeAsync(600)
  const later = ask(limiter, 60)
  await vi.advanceTimersByTimeAsync(10_000)
  const times = [...answers, ...later].map(({ atMs }) => atMs).sort((a, b) => a - b)
  expect(times).toHaveLength(70)
  for (const [n, atMs] of times.entries()) {
    const twentieth = times[n + 20]
    if (twentieth !== undefined) expect(twentieth - atMs).toBeGreaterThanOrEqual(1_000)
  }
  expect(times[19] ?? 0).toBeLessThan((times[0] ?? 0) + 1_000)
  process.off('warning', warned)
  expect(warned).not.toHaveBeenCalled()
  limiter.cancel()
})

it('turns those who wait away when it is cancelled, and those who come later', async () => {
  const limiter = new RestartLimiter(2)
  const answers = ask(limiter, 5)
  await vi.advanceTimersByTimeAsync(0)
  limiter.cancel()
  answers.push({ atMs: Date.now(), admitted: await limiter.admit() })
  await vi.advanceTimersByTimeAsync(0)
  expect(answers.map(({ admitted }) => admitted).sort()).toEqual([false, false, false, false, true, true])
  expect(vi.getTimerCount()).toBe(0)
})
