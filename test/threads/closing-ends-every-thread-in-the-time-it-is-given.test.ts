import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { failOnLeaks } from '../support/leaks.js'
import { fixture, provoke, provokeBlocked, run, startThreads } from '../support/threads/start.js'

failOnLeaks()

it('closing ends every thread, also one in an endless loop', async () => {
  const threads = startThreads({ size: 2 })
  const [looping, idle] = [await provoke(threads, 'loops'), run(threads)]
  await idle.ready
  const begunAt = performance.now()
  await threads.close(5_000)
  expect(performance.now() - begunAt).toBeLessThan(2_500)
  for (const thread of [looping, idle]) {
    expect(await thread.exited).toMatchObject({ reason: 'ended', error: { code: 'KCP_POOL_STOPPED' } })
  }
})

it('closing takes no longer than it was given, even with a thread that cannot die', async () => {
  const threads = startThreads({ terminateTimeoutMs: 10_000 })
  const thread = await provokeBlocked(threads)
  const begunAt = performance.now()
  await threads.close(300)
  expect(performance.now() - begunAt).toBeLessThan(1_000)
  expect(await thread.exited).toMatchObject({ reason: 'ended' })
})

it('a closed pool runs nothing any more', async () => {
  const threads = startThreads()
  await Promise.all([threads.close(5_000), threads.close(5_000)])
  expect(() => run(threads)).toThrowError(expect.objectContaining({ code: 'KCP_POOL_STOPPED' }))
})

it('nothing keeps the process alive after closing', async () => {
  const script = fileURLToPath(fixture('lifecycle.mjs'))
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [script], { timeout: 10_000 })
  expect([stdout, stderr]).toEqual(['ended\n', ''])
})
