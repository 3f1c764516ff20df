import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { Deadline, type Progress } from '#src/kafka/brokers/deadline.js'

const blockThread = (ms: number) => {
  for (const until = performance.now() + ms; performance.now() < until; );
}

const NOTHING = { steps: 7, bytes: 7 }

/** A deadline that is stopped when the test is over, and counts how often it was looked at. */
const deadline = (timeoutMs: number, progress: () => Progress = () => NOTHING, rounds?: number) => {
  const onTimeout = vi.fn()
  const made = new Deadline({ timeoutMs, progress, onTimeout, ...(rounds && { rounds }) })
  onTestFinished(() => made.stop())
  return { onTimeout, stop: () => made.stop() }
}

/** One round of the event loop, through its poll for I/O, and then the thread is blocked. */
const blockedRound = async (ms: number) => {
  await new Promise((resolve) => setImmediate(resolve))
  blockThread(ms)
}

describe('a deadline', () => {
  it('is over after its time when nothing comes', async () => {
    const started = performance.now()
    await new Promise<void>((resolve) => {
      new Deadline({ timeoutMs: 100, progress: () => NOTHING, onTimeout: resolve })
    })
    const tookMs = performance.now() - started
    expect(tookMs).toBeGreaterThanOrEqual(95)
    expect(tookMs).toBeLessThan(2_000)
  })

  it('gives a blocked thread rounds of its event loop, however much later the clock says it is, but no more than that', async () => {
    const { onTimeout } = deadline(10)
    for (let round = 0; round < 3; round++) await blockedRound(60)
    expect(onTimeout).not.toHaveBeenCalled()
    for (let round = 0; round < 8; round++) await blockedRound(20)
    expect(onTimeout).toHaveBeenCalledTimes(1)
  })

  it('goes on while there are signs of life, and ends when they end', async () => {
    let steps = 0
    let alive = true
    const { onTimeout } = deadline(10, () => ({ steps: alive ? steps++ : steps, bytes: 0 }))
    await expect.poll(() => steps, { timeout: 4_000 }).toBeGreaterThan(12)
    expect(onTimeout).not.toHaveBeenCalled()
    alive = false
    await expect.poll(() => onTimeout.mock.calls.length).toBe(1)
  })

  it('goes on while bytes come at a rate at which they come to an end, and ends when they only drip', async () => {
    let bytes = 0
    let perLook = 100 / 4
    const { onTimeout } = deadline(100, () => {
      bytes += perLook
      return { steps: 0, bytes }
    })
    await expect.poll(() => bytes, { timeout: 4_000 }).toBeGreaterThan(12 * perLook)
    expect(onTimeout).not.toHaveBeenCalled()
    perLook--
    await expect.poll(() => onTimeout.mock.calls.length, { timeout: 4_000 }).toBe(1)
  })

  it('wants no more bytes of a long time than a thread gets in one poll that is blocked meanwhile', async () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    let bytes = 0
    let perPoll = 64 * 1024
    const { onTimeout } = deadline(600_000, () => {
      bytes += perPoll
      return { steps: 0, bytes }
    })
    await vi.advanceTimersByTimeAsync(10 * 600_000)
    expect(bytes).toBeGreaterThan(30 * perPoll)
    expect(onTimeout).not.toHaveBeenCalled()
    perPoll = 1024
    await vi.advanceTimersByTimeAsync(600_000)
    expect(onTimeout).toHaveBeenCalledTimes(1)
  })

  it('is not due at once when the time is longer than Node’s timers reach', async () => {
    const { onTimeout } = deadline(2 ** 40)
    await new Promise((resolve) => setTimeout(resolve, 5))
    await new Promise((resolve) => setImmediate(resolve))
    expect(onTimeout).not.toHaveBeenCalled()
  })

  it('says nothing any more when it was stopped between its timer and its look', async () => {
    const { onTimeout, stop } = deadline(1, () => ({ steps: 0, bytes: 0 }), 1)
    const stopped = new Promise<void>((resolve) => {
      setTimeout(() => {
        stop()
        resolve()
      }, 1)
    })
    blockThread(10)
    await stopped
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(onTimeout).not.toHaveBeenCalled()
  })
})
