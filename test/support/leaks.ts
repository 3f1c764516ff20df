import type { Worker } from 'node:worker_threads'
import { beforeEach, expect } from 'vitest'

/** What must not grow: counts by name. */
type Census = Readonly<Record<string, number>>

/** libuv's names of what is a socket, a child process, or (`async`) a message port or a worker; unref'ed ones too. */
const HANDLES = ['tcp', 'udp', 'pipe', 'process', 'async']

const countBy = (names: readonly string[], prefix: string): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const name of names) counts[`${prefix}${name}`] = (counts[`${prefix}${name}`] ?? 0) + 1
  return counts
}

const census = (workers: ReadonlySet<Worker>): Census => {
  const report = process.report.getReport() as unknown as { libuv: readonly { type: string }[] }
  const handles = report.libuv.map(({ type }) => type).filter((type) => HANDLES.includes(type))
  const timers = process.getActiveResourcesInfo().filter((type) => type === 'Timeout' || type === 'Immediate')
  const listeners = process.eventNames().flatMap((event) => Array(process.listenerCount(event)).fill(String(event)))
  return {
    threads: workers.size,
    ...countBy(handles, 'handle: '),
    ...countBy(timers, 'timer: '),
    ...countBy(listeners, 'process listener: '),
  }
}

const growth = (before: Census, after: Census): string[] =>
  Object.entries(after)
    .filter(([name, count]) => count > (before[name] ?? 0))
    .map(([name, count]) => `${name}: ${before[name] ?? 0} → ${count}`)

/**
 * Remembers which threads, handles, timers and process listeners there are now.
 *
 * @returns a function that waits until there are no more of them than then, and fails after `withinMs` with what leaked
 */
export const watchLeaks = (): ((withinMs?: number) => Promise<void>) => {
  const workers = new Set<Worker>()
  const onWorker = (worker: Worker) => {
    workers.add(worker)
    worker.once('exit', () => workers.delete(worker))
  }
  process.on('worker', onWorker)
  const before = census(workers)
  return async (withinMs = 5_000) => {
    try {
      await expect.poll(() => growth(before, census(workers)), { timeout: withinMs, message: 'leaked' }).toEqual([])
    } finally {
      process.off('worker', onWorker)
    }
  }
}

/** Makes every test of the file fail that leaves something behind. Call it before other hooks, so that it looks last. */
export const failOnLeaks = (): void => {
  beforeEach(({ onTestFinished }) => {
    const noLeaks = watchLeaks()
    // After everything that the test itself registers to be done in the end: these run in reverse order.
    onTestFinished(() => noLeaks(), 10_000)
  })
}
