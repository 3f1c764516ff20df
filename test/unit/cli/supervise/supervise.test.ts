import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { onStopSignals } from '#src/cli/stop-signals.js'
import type { FromPool, ToPool } from '#src/cli/supervise/messages.js'
import type { Exit, PoolProcess } from '#src/cli/supervise/pool-process.js'
import { supervise, UNTOLD } from '#src/cli/supervise/supervise.js'
import { resolveConfig } from '#src/config/resolve.js'
import { monotonicMs } from '#src/util/clock.js'
import { deferred } from '#src/util/deferred.js'
import { restartConfig } from '../../../support/config/restart-config.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

class FakeProcess implements PoolProcess {
  readonly #exit = deferred<Exit>()
  readonly heard: (ToPool | 'kill')[] = []
  readonly pid = 7
  readonly say: (message: FromPool) => void

  constructor(say: (message: FromPool) => void) {
    this.say = say
  }

  get exited(): Promise<Exit> {
    return this.#exit.promise
  }

  send(message: ToPool): void {
    this.heard.push(message)
  }

  kill(): void {
    this.heard.push('kill')
    this.end({ signal: 'SIGKILL' })
  }

  end(exit: Partial<Exit>): void {
    this.#exit.resolve({ code: null, signal: null, ...exit })
  }
}

const world = () => {
  const started: FakeProcess[] = []
  const lines: string[] = []
  const reports: string[] = []
  const signals = Object.assign(new EventEmitter(), { exit: (code: number) => void lines.push(`exit ${code}`) })
  let code: number | undefined
  const ended = supervise({
    start: (hear) => {
      const process = new FakeProcess(hear)
      started.push(process)
      return process
    },
    ...{ onStopSignals, process: signals, now: monotonicMs, random: () => 0.5 },
    log: { error: (_: unknown, line: string) => void lines.push(line) } as never,
    report: (message) => void reports.push(message),
  }).then((exitCode) => {
    code = exitCode
  })
  return {
    ...{ started, lines, reports, signals, ended },
    last: () => started.at(-1) as FakeProcess,
    code: () => code,
    signal: (name: string) => signals.emit(name, name),
  }
}

const pass = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

test('a process that dies is started again, by the options of restart that it has told, and told of', async () => {
  const { started, last, lines, code } = world()
  last().say({ type: 'configured', restart: restartConfig({ delayMs: 5_000, maxRestarts: 5 }) })
  last().say({ type: 'running' })
  last().end({ signal: 'SIGABRT' })
  await pass()
  expect(started).toHaveLength(2)
  last().end({ code: 7 })
  await pass(4_999)
  expect(started).toHaveLength(2)
  await pass(1)
  expect(started).toHaveLength(3)
  expect(lines).toEqual([
    'the process of the pool was ended by SIGABRT; it is started again now',
    'the process of the pool ended with exit code 7; it is started again in 5 s',
  ])
  last().end({ code: 0 })
  await pass()
  expect(code()).toBe(0)
})

test('what was well for long has forgotten its crashes', async () => {
  const { started, last } = world()
  for (const healthyMs of [0, 120_000]) {
    last().say({ type: 'running' })
    await pass(healthyMs)
    last().end({ signal: 'SIGABRT' })
    await pass()
  }
  expect(started).toHaveLength(3)
  last().end({ code: 0 })
})

test('too many in a row end it with 70, and it says so', async () => {
  const { started, last, reports, code, signals } = world()
  for (let n = 0; n < 8; n++) {
    last().end({ signal: 'SIGSEGV' })
    await pass(60_000)
  }
  expect([started.length, code()]).toEqual([8, 70])
  expect(reports).toEqual([expect.stringMatching(/^giving up: .* died 8 times in a row, .*was ended by SIGSEGV/)])
  expect(signals.eventNames()).toEqual([])
})

test('says how long a short pause is', async () => {
  const { last, lines } = world()
  for (let n = 0; n < 2; n++) {
    last().say({ type: 'configured', restart: restartConfig({ delayMs: 10 }) })
    last().end({ signal: 'SIGABRT' })
    await pass()
  }
  expect(lines.at(-1)).toMatch(/it is started again in 10 ms$/)
  await pass(10)
  last().end({ code: 0 })
})

test.each([
  [1, 'has died once, and restart.maxRestarts is 1; the last one was ended by SIGABRT'],
  [2, 'has died 2 times in a row, with less than 120 s of work in between; the last one was ended by SIGABRT'],
])('says no more than is true of what had worked for long before the first of %i deaths', async (maxRestarts, words) => {
  const { last, reports } = world()
  last().say({ type: 'configured', restart: restartConfig({ maxRestarts }) })
  last().say({ type: 'running' })
  await pass(3_600_000)
  for (let n = 0; n < maxRestarts; n++) {
    last().end({ signal: 'SIGABRT' })
    await pass()
  }
  expect(reports).toEqual([expect.stringContaining(words)])
})

test('what a configuration file sends to whoever has started the process is nothing that the pool says', async () => {
  const { last, code } = world()
  last().say('ready' as never)
  last().end({ code: 1 })
  await pass()
  expect(code()).toBe(1)
})

test('one that cannot be started at all is a crash like others, and the error is told', async () => {
  const { started, last, lines } = world()
  last().end({ error: new Error('EAGAIN') })
  await pass()
  expect(started).toHaveLength(2)
  expect(lines[0]).toContain('could not be started: EAGAIN')
  last().end({ code: 0 })
})

test('a configuration that has become unusable ends it with 1', async () => {
  const { last, code } = world()
  last().say({ type: 'running' })
  last().end({ signal: 'SIGABRT' })
  await pass()
  last().say({ type: 'refused' })
  last().end({ code: 1 })
  await pass()
  expect(code()).toBe(1)
})

test('a signal is handed on once, and the exit code is that of the process', async () => {
  const { last, code, signal } = world()
  signal('SIGTERM')
  signal('SIGTERM') // npm, or systemd
  expect(last().heard).toEqual([{ type: 'stop', signal: 'SIGTERM' }])
  last().end({ code: 0 })
  await pass()
  expect(code()).toBe(0)
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])('a second %s ends both at once with %i', async (name, exitCode) => {
  const { started, last, code, signal } = world()
  signal(name)
  await pass(500)
  signal(name)
  expect(last().heard.at(-1)).toEqual({ type: 'end', code: exitCode })
  last().end({ code: exitCode })
  await pass(5_000)
  expect(last().heard).not.toContain('kill')
  expect([started.length, code()]).toEqual([1, exitCode])
})

test('a process that does not end at once when it should is killed', async () => {
  const { last, code, signal } = world()
  signal('SIGINT')
  await pass(500)
  signal('SIGINT')
  await pass(999)
  expect(last().heard).not.toContain('kill')
  await pass(1)
  expect(last().heard.at(-1)).toBe('kill')
  expect(code()).toBe(130)
})

test('a signal in a pause between two processes ends it at once', async () => {
  const { started, last, code, signal } = world()
  for (let n = 0; n < 2; n++) {
    last().end({ signal: 'SIGABRT' })
    await pass()
  }
  signal('SIGTERM')
  await pass()
  expect([started.length, code()]).toEqual([2, 0])
})

test('a process that dies while it stops is not started again', async () => {
  const { started, last, code, signal } = world()
  signal('SIGTERM')
  last().end({ signal: 'SIGKILL' })
  await pass(60_000)
  expect([started.length, code()]).toEqual([1, 137])
})

test('before a process has told its options, their defaults hold', () => {
  const { restart } = resolveConfig({
    ...{ topics: ['t'], handler: './h.mjs', workers: 1, kafka: { brokers: ['127.0.0.1:1'] } },
    consumer: { groupId: 'g' },
  }).pool
  expect(UNTOLD).toEqual(restart)
})
