import type { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import type { Incarnation, ThreadReport } from '#src/control/threads/incarnation.js'
import { PoolError } from '#src/errors.js'
import { failOnLeaks } from '../support/leaks.js'
import { provoke, provokeBlocked, run, startThreads } from '../support/threads/start.js'

failOnLeaks()

const why = new PoolError('KCP_HANDLER_HUNG', 'the test ends it')

describe('a thread that dies by itself', () => {
  it.each([
    ['throws', 'KCP_THREAD_CRASHED', 'TypeError: boom'],
    ['throwsNull', 'KCP_THREAD_CRASHED', 'null was thrown'],
    ['rejects', 'KCP_THREAD_CRASHED', 'RangeError: nobody awaits me'],
    ['exits', 'KCP_THREAD_EXITED', 'exit code 7'],
    ['returns', 'KCP_THREAD_CRASHED', "'done'"],
  ])('that %s has crashed with %s', async (how, code, text) => {
    const thread = await provoke(startThreads(), how)
    const exit = await thread.exited
    expect(exit).toMatchObject({ reason: 'crashed', error: { name: 'PoolError', code, slot: 0 } })
    expect(exit.error?.message).toContain(text)
  })

  it('of its memory limit says so, and the process goes on', async () => {
    const threads = startThreads({ resourceLimits: { maxOldGenerationSizeMb: 32 } })
    const thread = await provoke(threads, 'leaks')
    expect(await thread.exited).toMatchObject({ reason: 'crashed', error: { code: 'KCP_THREAD_OUT_OF_MEMORY' } })
    await run(threads).ready
  })

  it('keeps the code of an error with which its entry gave up', async () => {
    const thread = await provoke(startThreads(), 'givesUp')
    const { reason, error } = await thread.exited
    expect(reason).toBe('crashed')
    expect(error).toMatchObject({ code: 'KCP_HANDLER_NOT_A_FUNCTION', message: 'no default export', slot: 0 })
  })

  it('has every message that it posted before handled before `exited` resolves, in order', async () => {
    const lines: ThreadReport[] = []
    const thread = await provoke(startThreads(), 'talksAndExits', (report) => lines.push(report))
    // Messages and death are waiting together when this thread gets to them.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    await thread.exited
    expect(lines).toEqual(Array.from({ length: 3_000 }, (_, n) => ({ type: 'log', line: String(n) })))
  })

  it('rejects the requests that it has not answered, and those that come later', async () => {
    const thread = run(startThreads(), 'silent')
    await thread.ready
    const pending = [thread.request({ type: 'quiesce' }), thread.request({ type: 'quiesce' })]
    void thread.end(why)
    for (const request of pending) await expect(request).rejects.toBe(why)
    await expect(thread.request({ type: 'quiesce' })).rejects.toBe(why)
  })

  it('has a replacement running within moments, thanks to the spare', async () => {
    const threads = startThreads({ size: 2, spares: 1 })
    const neighbour = run(threads)
    await neighbour.ready
    const delays: number[] = []
    let thread = run(threads, 'throws')
    await thread.ready
    for (let n = 0; n < 21; n++) {
      await expect.poll(() => threads.warm, { interval: 5 }).toBe(1)
      thread.send({ type: 'go-on' })
      await thread.exited
      const diedAt = performance.now()
      thread = run(threads, 'throws')
      await thread.ready
      delays.push(performance.now() - diedAt)
    }
    const median = delays.sort((a, b) => a - b)[10] ?? Number.NaN
    console.info(`replacement running after ${median.toFixed(1)} ms (median of 21)`)
    expect(median).toBeLessThan(250)
    await expect(neighbour.request({ type: 'quiesce' })).resolves.toBeUndefined()
  })

  it('leaves nothing behind, 200 times in a row', async () => {
    const threads = startThreads()
    for (let n = 0; n < 200; n++) {
      const how = ['throws', 'exits', 'rejects', 'throwsNull'][n % 4] ?? 'throws'
      const { reason } = await (await provoke(threads, how)).exited
      expect(reason).toBe('crashed')
    }
    expect(threads.lost).toBe(0)
  }, 60_000)
})

describe('a thread that is ended', () => {
  it('dies in the middle of an endless loop', async () => {
    const thread = await provoke(startThreads(), 'loops')
    expect(await thread.end(why)).toMatchObject({ reason: 'ended', error: why })
  })

  it('dies once, however often it is ended', async () => {
    const thread = run(startThreads())
    await thread.ready
    const other = new PoolError('KCP_INTERNAL', 'a second reason')
    const [first, second] = await Promise.all([thread.end(why), thread.end(other)])
    expect(second).toBe(first)
    expect(await thread.end(other)).toBe(first)
    expect(first.error).toBe(why)
  })

  it('rejects `ready` with the reason when it was not ready yet', async () => {
    const thread = run(startThreads())
    void thread.end(why)
    await expect(thread.ready).rejects.toBe(why)
    expect(await thread.exited).toMatchObject({ reason: 'ended' })
  })

  it('is lost when a native call keeps it alive over the deadline, and is noted when it dies at last', async () => {
    const lost: number[] = []
    const threads = startThreads({ terminateTimeoutMs: 300, onLost: () => lost.push(threads.lost) })
    const thread = await provokeBlocked(threads)
    const endedAt = performance.now()
    const exit = await thread.end(why)
    expect(exit).toMatchObject({ reason: 'lost', error: { code: 'KCP_THREAD_LOST', cause: why } })
    expect(performance.now() - endedAt).toBeLessThan(1_000)
    expect(lost).toEqual([1])
    await run(threads).ready // the slot goes on meanwhile
    expect(threads.lost).toBe(1)
    await thread.freed
    expect(threads.lost).toBe(0)
    expect(lost).toEqual([1])
  })
})

describe('a thread that is asked to stop', () => {
  it('exits without an error', async () => {
    const thread = run(startThreads())
    await thread.ready
    expect(await thread.stop(5_000)).toMatchObject({ reason: 'stopped', error: null })
  })

  it('is ended when it does not', async () => {
    const thread = run(startThreads(), 'deaf')
    await thread.ready
    expect(await thread.stop(50)).toMatchObject({ reason: 'ended', error: { code: 'KCP_HANDLER_HUNG' } })
  })

  it('gives its thread back to the others', async () => {
    const threads = startThreads({ spares: 0 })
    const first = run(threads)
    await first.ready
    await first.stop(5_000)
    const second = run(threads)
    await second.ready
    expect(second.threadId).toBe(first.threadId)
  })

  it('ends its thread instead when it is retired, and need not wait for that', async () => {
    const threads = startThreads({ spares: 0 })
    const first = run(threads)
    await first.ready
    first.retire()
    expect(await first.stop(5_000)).toMatchObject({ reason: 'stopped', error: null })
    const second = run(threads)
    await first.freed
    await second.ready
    expect(second.threadId).not.toBe(first.threadId)
    expect(threads.lost).toBe(0)
  })

  it('is lost when it is retired and does not die, and is noted when it does at last', async () => {
    let worker: Worker | undefined
    process.once('worker', (born) => {
      worker = born
    })
    const lost: number[] = []
    const threads = startThreads({ spares: 0, terminateTimeoutMs: 300, onLost: () => lost.push(threads.lost) })
    const thread = run(threads)
    await thread.ready
    const terminate = worker?.terminate.bind(worker)
    if (worker !== undefined) worker.terminate = async () => 0 // as long as a native call lasts
    thread.retire()
    expect(await thread.stop(5_000)).toMatchObject({ reason: 'stopped' })
    await expect.poll(() => lost, { timeout: 10_000 }).toEqual([1])
    await terminate?.()
    await thread.freed
    expect(threads.lost).toBe(0)
  })

  it.each([
    ['handler', ({ ledger }: Incarnation) => ledger.begin(0, 0, 17, 1, 0)],
    ['setup', ({ ledger }: Incarnation) => ledger.beginHook('setup', 0)],
    ['teardown', ({ ledger }: Incarnation) => ledger.beginHook('teardown', 0)],
  ])('does not give a thread back in which a %s was left behind', async (_, leaveBehind) => {
    const threads = startThreads({ spares: 0 })
    const first = run(threads)
    await first.ready
    leaveBehind(first)
    expect(await first.stop(5_000)).toMatchObject({ reason: 'stopped' })
    const second = run(threads)
    await second.ready
    expect(second.threadId).not.toBe(first.threadId)
  })
})
