import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { until } from '#scripts/support/until.js'
import type { ThreadReport } from '#src/control/threads/incarnation.js'
import { ErrorCode, PoolError } from '#src/errors.js'
import { Page } from '#src/protocol/page.js'
import { within } from '#src/util/within.js'
import { failOnLeaks } from '../support/leaks.js'
import { fixture, provoke, provokeBlocked, run, startThreads } from '../support/threads/start.js'

failOnLeaks()

const startProcesses = (options: Parameters<typeof startThreads>[0] = {}) =>
  startThreads({ isolation: 'process', ...options })

const why = new PoolError(ErrorCode.handlerHung, 'the test ends it')

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('a process that dies', () => {
  it.each([
    ['throws', 'KCP_THREAD_CRASHED', 'TypeError: boom'],
    ['throwsNull', 'KCP_THREAD_CRASHED', 'null was thrown'],
    ['rejects', 'KCP_THREAD_CRASHED', 'RangeError: nobody awaits me'],
    ['exits', 'KCP_THREAD_EXITED', 'exit code 7'],
    ['returns', 'KCP_THREAD_CRASHED', "'done'"],
    ['givesUp', 'KCP_HANDLER_NOT_A_FUNCTION', 'no default export'],
    ['kills:SIGSEGV', 'KCP_THREAD_CRASHED', 'SIGSEGV'],
    ['kills:SIGABRT', 'KCP_THREAD_CRASHED', 'SIGABRT'],
    ['kills:SIGKILL', 'KCP_THREAD_CRASHED', 'SIGKILL'],
  ])('because it %s has crashed with %s', async (how, code, text) => {
    const thread = await provoke(startProcesses({ spares: 0 }), how)
    const { reason, error } = await thread.exited
    expect({ reason, error }).toMatchObject({ reason: 'crashed', error: { name: 'PoolError', code, slot: 0 } })
    expect(error?.message).toContain(text)
    if (how === 'throws') expect((error?.cause as Error).stack).toContain('actor.mjs')
  })

  it('of its memory limit says so', async () => {
    const thread = await provoke(startProcesses({ resourceLimits: { maxOldGenerationSizeMb: 32 } }), 'leaks')
    expect(await thread.exited).toMatchObject({ reason: 'crashed', error: { code: 'KCP_THREAD_OUT_OF_MEMORY' } })
  })

  it('has every message that it posted before handled before `exited` resolves, in order', async () => {
    const lines: ThreadReport[] = []
    const thread = await provoke(startProcesses(), 'talksAndExits', (report) => lines.push(report))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
    await thread.exited
    expect(lines).toEqual(Array.from({ length: 3_000 }, (_, n) => ({ type: 'log', line: String(n) })))
  })

  it.each(['loops', 'blocks'])('is dead at once when it is ended, also while it %s: none is ever lost', async (how) => {
    const onLost = vi.fn()
    const threads = startProcesses({ onLost })
    const thread = how === 'blocks' ? await provokeBlocked(threads) : await provoke(threads, how)
    const begunAt = performance.now()
    expect(await thread.end(why)).toMatchObject({ reason: 'ended', error: why })
    expect(performance.now() - begunAt).toBeLessThan(1_500)
    expect(isAlive(thread.threadId ?? Number.NaN)).toBe(false)
    expect(onLost).not.toHaveBeenCalled()
  })

  it('leaves nothing behind, 20 times in a row', async () => {
    const threads = startProcesses()
    await run(threads).end(why)
    await expect.poll(() => threads.warm, { timeout: 20_000 }).toBe(2)
    const open = readdirSync('/proc/self/fd').length
    for (let n = 0; n < 20; n++) {
      const thread = await provoke(threads, ['throws', 'exits', 'kills:SIGKILL', 'loops'][n % 4] ?? '')
      await (n % 4 === 3 ? thread.end(why) : thread.exited)
    }
    const isAsBefore = () => threads.warm === 2 && readdirSync('/proc/self/fd').length <= open
    await until(isAsBefore, { what: 'as many open files as before' })
  }, 60_000)
})

it('a process is used again by the next incarnation when the one before has come to its end', async () => {
  const threads = startProcesses({ spares: 0 })
  const first = run(threads)
  await first.ready
  expect(await first.stop(5_000)).toMatchObject({ reason: 'stopped' })
  const second = run(threads)
  await second.ready
  expect(second.threadId).toBe(first.threadId)
  await expect(second.request({ type: 'quiesce' })).resolves.toBeUndefined()
})

it('of one that is retired nothing is left when it is said to be free', async () => {
  const thread = run(startProcesses())
  await thread.ready
  thread.retire()
  expect(await thread.stop(5_000)).toMatchObject({ reason: 'stopped' })
  await thread.freed
  expect(isAlive(thread.threadId ?? Number.NaN)).toBe(false)
})

it('what processes take is known, together and of each, native memory and spares included', async () => {
  const threads = startProcesses()
  const thread = run(threads, 'hoards:64')
  await thread.ready
  await expect.poll(() => threads.warm).toBe(1)
  const [before, all] = [thread.rss ?? Number.NaN, threads.rss]
  expect(before).toBeGreaterThan(5 * 2 ** 20)
  expect(all).toBeGreaterThan(before + 5 * 2 ** 20)
  thread.send({ type: 'go-on' })
  await expect.poll(() => thread.rss).toBeGreaterThan(before + 60 * 2 ** 20)
  expect(threads.rss).toBeGreaterThan(all + 60 * 2 ** 20)
  await thread.end(why)
  await expect.poll(() => threads.rss).toBeLessThan(all + 30 * 2 ** 20)
})

it('a process that the system does not give is a crash like any other', async () => {
  const { execPath } = process
  onTestFinished(() => {
    process.execPath = execPath
  })
  process.execPath = '/nowhere/node'
  const threads = startProcesses({ spares: 0 })
  const { error } = await run(threads).exited
  expect(error).toMatchObject({ code: 'KCP_THREAD_NOT_STARTED', slot: 0 })
  expect(error?.message).toContain('/nowhere/node')
  process.execPath = execPath
  await run(threads).ready
})

it('the handler has the environment and the flags of the pool, and no channel to it that it could disturb', async () => {
  vi.stubEnv('MARK', 'seen')
  onTestFinished(() => void vi.unstubAllEnvs())
  const { execArgv } = process
  onTestFinished(() => {
    process.execArgv = execArgv
  })
  process.execArgv = ['--stack-trace-limit=33']
  const lines: ThreadReport[] = []
  const thread = await provoke(startProcesses({ spares: 0 }), 'looks', (report) => lines.push(report))
  const [report] = await until(() => lines.length === 1 && lines, { what: 'what it sees' })
  expect(JSON.parse(report?.type === 'log' ? report.line : '')).toEqual({
    sends: false,
    isMainThread: false,
    execArgv: expect.arrayContaining(['--stack-trace-limit=33']),
    pid: thread.threadId,
    mark: 'seen',
  })
})

it('what a process writes is never read by halves, and is there when it was killed', async () => {
  const page = Page.create([0n])
  const thread = run(startProcesses({ spares: 0 }), 'hammers')
  const added = [{ id: 0, topic: 't', partition: 0, index: 0, offset: '0' }]
  thread.request({ type: 'assign', page: page.buffer, added, removed: [] }).catch(() => {})
  await until(() => page.finishedUpTo(0) > 0n, { what: 'the first write' })
  let last = 0n
  let looks = 0
  const look = () => {
    const offset = page.finishedUpTo(0)
    expect(page.epoch(0)).toBe(Math.imul(Number(offset), 2654435761))
    expect(offset).toBeGreaterThanOrEqual(last)
    last = offset
    looks++
  }
  const endMs = performance.now() + 1_000
  while (performance.now() < endMs) {
    look()
    await null
  }
  process.kill(thread.threadId ?? Number.NaN, 'SIGKILL')
  await thread.exited
  look()
  console.info(`${looks} looks at ${last} writes`)
  expect(last).toBeGreaterThan(1_000n)
})

/** A pool's process in a process group of its own, as a terminal makes it, and the ids of its children. */
const startPoolOfProcesses = async (how: string) => {
  const script = fileURLToPath(fixture('processes.mjs'))
  const child: ChildProcess = spawn(process.execPath, [script, how], { detached: true })
  onTestFinished(() => void child.kill('SIGKILL'))
  const printed = { stdout: '', stderr: '' }
  child.stdout?.on('data', (text) => {
    printed.stdout += text
  })
  child.stderr?.on('data', (text) => {
    printed.stderr += text
  })
  const pids = await until(() => /pids (\d+) (\d+)/.exec(printed.stdout)?.slice(1).map(Number), {
    what: 'its children',
  })
  const exited = new Promise<number | string | null>((resolve) =>
    child.once('exit', (code, signal) => resolve(signal ?? code)),
  )
  return { pid: child.pid ?? Number.NaN, pids, printed, exited }
}

it.each([
  'nothing',
  'loops',
])('when the pool is killed its processes end at once, also one whose handler does: %s', async (how) => {
  const { pid, pids } = await startPoolOfProcesses(how)
  expect(pids.every(isAlive)).toBe(true)
  process.kill(pid, 'SIGKILL')
  await until(() => !pids.some(isAlive), { what: 'the children to end', deadlineMs: 5_000 })
})

it('neither is one left that was still loading what --import says, and would never have heard of it', async () => {
  const preloaded = `
    import { setTimeout as sleep } from 'node:timers/promises'
    if (process.send !== undefined) {
      setInterval(() => {}, 1_000)
      console.log('loading', process.pid)
      while (process.connected) await sleep(10)
    }`
  const flags = ['--import', `data:text/javascript,${encodeURIComponent(preloaded)}`]
  const pool = spawn(process.execPath, [...flags, fileURLToPath(fixture('processes.mjs')), 'nothing'])
  onTestFinished(() => void pool.kill('SIGKILL'))
  let printed = ''
  pool.stdout.on('data', (text) => {
    printed += text
  })
  const pid = await until(() => Number(/loading (\d+)/.exec(printed)?.[1]) || false, { what: 'a child' })
  pool.kill('SIGKILL')
  await until(() => !isAlive(pid), { what: 'the child to end', deadlineMs: 10_000 })
})

it.each([
  'SIGINT',
  'SIGHUP',
] as const)('%s for the whole group of processes ends the pool’s children only with the pool', async (signal) => {
  const { pid, pids, exited } = await startPoolOfProcesses('nothing')
  for (const child of pids) process.kill(child, signal)
  process.kill(-pid, 'SIGTERM')
  expect(await exited).toBe(0)
  expect(pids.some(isAlive)).toBe(false)
})

it('a process that a handler has started, and that outlives all, does not keep the pool’s', async () => {
  const { pid, exited } = await startPoolOfProcesses('adopts:25')
  process.kill(pid, 'SIGTERM')
  expect(await within(exited, 15_000)).toBe(true)
  expect(await exited).toBe(0)
}, 40_000)

it('what a handler says to its parentPort, and does with it, harms neither its process nor the pool', async () => {
  const { pid, pids, exited } = await startPoolOfProcesses('posts')
  expect([await within(exited, 2_500), pids.every(isAlive)]).toEqual([false, true])
  process.kill(pid, 'SIGTERM')
  expect(await exited).toBe(0)
})

it('what a handler prints is printed by the pool', async () => {
  const { printed } = await startPoolOfProcesses('prints:hello')
  await until(() => printed.stdout.includes('hello\n') && printed.stderr === 'hello\n', { what: 'its words' })
})
