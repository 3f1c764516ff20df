import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Threads } from '#src/control/threads/threads.js'
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

it.each([
  'hangs',
  'blocks',
])('a boot that never comes to an end (it %s) is given up together with the incarnation that waited for it', async (how) => {
  const handlers = [how, '1', markerFile()]
  const threads = startThreads({ entry: fixture('boots-badly.cjs'), handlers, spares: 0, loadTimeoutMs: 2_000 })
  const { reason, error } = await run(threads).exited
  expect([reason, error?.code]).toEqual(['crashed', 'KCP_START_TIMED_OUT'])
  await run(threads).ready
})

it('only so many threads boot at the same time, and none has less time because others come before it', async () => {
  const journal = markerFile()
  const handlers = ['slowly', '1000', journal]
  const entry = fixture('boots-badly.cjs')
  const threads = startThreads({ entry, handlers, size: 6, spares: 0, bootsAtOnce: 2, loadTimeoutMs: 10_000 })
  await Promise.all(Array.from({ length: 6 }, () => run(threads).ready))
  let booting = 0
  const most = Math.max(...[...readFileSync(journal, 'utf8')].map((sign) => (booting += sign === '.' ? 1 : -1)))
  expect(most).toBeLessThanOrEqual(2)
  expect(booting).toBe(0)
})

const descriptors = () => readdirSync('/proc/self/fd').length

it.runIf(process.platform === 'linux')(
  'threads that are ended while they boot leave no descriptors behind',
  async () => {
    const entry = new URL('../../dist/workers/entry.cjs', import.meta.url)
    const endAfter = async (ms: number) => {
      const threads = startThreads({ entry, size: 2, spares: 0 })
      await sleep(ms)
      await threads.close(10_000)
    }
    await endAfter(0) // what the process opens once
    const before = descriptors()
    for (const ms of [30, 60, 90, 120, 150, 180, 210, 240, 270, 300]) await endAfter(ms)
    await expect.poll(descriptors, { timeout: 10_000 }).toBeLessThanOrEqual(before)
  },
)

it('an incarnation that waits for a thread can be stopped', async () => {
  const { threads } = bootingBadly('hangs', 1)
  expect(await run(threads).stop(1_000)).toMatchObject({ reason: 'stopped', error: null })
})
