import { createRequire } from 'node:module'
import type { Worker } from 'node:worker_threads'
import { expect, it, onTestFinished, vi } from 'vitest'
import { provoke, run, startThreads } from '../support/threads/start.js'

const workerThreads: { Worker: typeof Worker } = createRequire(import.meta.url)('node:worker_threads')
const RealWorker = workerThreads.Worker

const eagain = () => Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' })

/** A limit of threads, as `ulimit -u` or a container sets it: one more, and `new Worker` throws. */
const limitThreads = (atMost: number) => {
  const system = { atMost, alive: 0, refused: 0 }
  workerThreads.Worker = class extends RealWorker {
    constructor(...args: ConstructorParameters<typeof Worker>) {
      if (system.alive >= system.atMost) {
        system.refused++
        throw eagain()
      }
      super(...args)
      system.alive++
      this.once('exit', () => system.alive--)
    }
  }
  onTestFinished(() => {
    workerThreads.Worker = RealWorker
  })
  return system
}

it('a pool of threads begins although the system gives none, and the incarnation that needs one crashes', async () => {
  const system = limitThreads(0)
  const threads = startThreads()
  const exit = await run(threads).exited
  expect(exit).toMatchObject({ reason: 'crashed', error: { code: 'KCP_THREAD_NOT_STARTED', slot: 0 } })
  expect(exit.error?.message).toContain('EAGAIN')
  system.atMost = 10
  await run(threads).ready
})

it('the limit is met while a crash is healed: only the slot that needs a thread fails, and heals when there are threads again', async () => {
  const system = limitThreads(3)
  const threads = startThreads({ size: 2, spares: 1 })
  const neighbour = run(threads)
  await neighbour.ready
  const dying = await provoke(threads, 'throws')
  await expect.poll(() => system.alive).toBe(3)
  system.atMost = 0
  await dying.exited
  const onSpare = await provoke(threads, 'throws')
  await onSpare.exited
  for (let n = 0; n < 3; n++) {
    expect(await run(threads).exited).toMatchObject({ reason: 'crashed', error: { code: 'KCP_THREAD_NOT_STARTED' } })
  }
  await expect(neighbour.request({ type: 'quiesce' })).resolves.toBeUndefined()
  await expect.poll(() => system.alive, { timeout: 10_000 }).toBe(1) // their remains may take a moment
  system.atMost = 3
  await run(threads).ready
})

it('a spare that cannot be had is asked for again after a rest, not over and over', async () => {
  const system = limitThreads(1)
  const threads = startThreads({ size: 1, spares: 1 })
  await run(threads).ready
  await vi.waitUntil(() => system.refused > 0, { timeout: 10_000 })
  expect(system.refused).toBeLessThanOrEqual(2)
  system.atMost = 2
  await expect.poll(() => threads.warm, { timeout: 10_000 }).toBe(1)
})
