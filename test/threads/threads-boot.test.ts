import { existsSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Threads } from '#src/control/threads.js'
import { PoolError } from '#src/errors.js'
import { failOnLeaks } from '../support/leaks.js'
import { fixture, markerFile, provoke, run, startThreads } from '../support/threads/start.js'

failOnLeaks()

/** Threads of which the first `times` to boot go wrong. */
const bootingBadly = (how: string, times: number, spares = 0): { threads: Threads; boots: () => number } => {
  const counter = markerFile()
  const handlers = [how, String(times), counter]
  const threads = startThreads({ entry: fixture('boots-badly.cjs'), handlers, spares })
  return { threads, boots: () => (existsSync(counter) ? statSync(counter).size : 0) }
}

describe('when a thread dies while it boots', () => {
  it.each([
    ['exits', 'KCP_THREAD_EXITED', 'exit code 3'],
    ['throws', 'KCP_THREAD_CRASHED', 'cannot load'],
  ])('(it %s) the incarnation that waited for it fails, and the next one runs', async (how, code, text) => {
    const { threads } = bootingBadly(how, 1)
    const { reason, error } = await run(threads).exited
    expect([reason, error?.code]).toEqual(['crashed', code])
    expect(error?.message).toContain(text)
    await run(threads).ready
  })

  it('crashes are healed afterwards as before', async () => {
    const { threads } = bootingBadly('exits', 1)
    await run(threads).exited
    for (let n = 0; n < 5; n++) expect((await (await provoke(threads, 'throws')).exited).reason).toBe('crashed')
    await run(threads).ready
  })

  it('the spare is booted again after a rest', async () => {
    const { threads, boots } = bootingBadly('exits', 2, 1)
    await run(threads).exited
    await expect.poll(boots, { timeout: 5_000 }).toBe(4)
    const firstIncarnation = run(threads)
    await firstIncarnation.ready
  })

  it('each incarnation costs no more than one boot while every thread dies', async () => {
    const { threads, boots } = bootingBadly('throws', 1_000)
    for (let n = 0; n < 5; n++) expect((await run(threads).exited).reason).toBe('crashed')
    expect(boots()).toBeLessThanOrEqual(6)
  })
})

it('a thread that dies idle after its boot is replaced only after a rest', async () => {
  const { boots } = bootingBadly('diesLater', 1_000)
  await expect.poll(boots).toBe(1)
  const bootedAt = performance.now()
  await expect.poll(boots, { timeout: 5_000 }).toBe(2)
  expect(performance.now() - bootedAt).toBeGreaterThan(900)
})

it('a boot that never comes to an end is given up together with the incarnation that waited for it', async () => {
  const { threads, boots } = bootingBadly('hangs', 1)
  const first = run(threads)
  await expect.poll(boots).toBe(1)
  const why = new PoolError('KCP_START_TIMED_OUT', 'the test gave up')
  expect(await first.end(why)).toMatchObject({ reason: 'ended', error: why })
  await run(threads).ready
})

it('an incarnation that waits for a thread can be stopped', async () => {
  const { threads } = bootingBadly('hangs', 1)
  expect(await run(threads).stop(1_000)).toMatchObject({ reason: 'stopped', error: null })
})
