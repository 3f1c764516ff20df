import { describe, expect, it } from 'vitest'
import { spareDelayMs } from '#src/control/threads/spare-backoff.js'
import { type DeathSign, endSign, saysOutOfMemory, spareError, threadError } from '#src/control/threads/thread-error.js'
import { PoolError } from '#src/errors.js'
import { toErrorData } from '#src/protocol/error-data.js'

const who = { slot: 2, incarnation: 5, clientId: 'orders-02-1' }
const outOfMemory = Object.assign(new Error('heap limit'), { code: 'ERR_WORKER_OUT_OF_MEMORY' })
const initFailed = Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' })

describe('threadError', () => {
  it.each<[string, DeathSign, string]>([
    ['an uncaught error', { type: 'threw', thrown: new Error('boom') }, 'KCP_THREAD_CRASHED'],
    ['a thrown null', { type: 'threw', thrown: null }, 'KCP_THREAD_CRASHED'],
    ['an error without a prototype', { type: 'threw', thrown: Object.create(null) }, 'KCP_THREAD_CRASHED'],
    ['the memory limit', { type: 'threw', thrown: outOfMemory }, 'KCP_THREAD_OUT_OF_MEMORY'],
    [
      'a thread that the system did not give',
      { type: 'unborn', reason: new Error('EAGAIN') },
      'KCP_THREAD_NOT_STARTED',
    ],
    ['a thread that could not begin', { type: 'threw', thrown: initFailed }, 'KCP_THREAD_NOT_STARTED'],
    ['an exit', { type: 'exited', exitCode: 7 }, 'KCP_THREAD_EXITED'],
    ['an entry that gave up', { type: 'gave-up', reason: 'why not' }, 'KCP_THREAD_CRASHED'],
    ['an entry that came back', { type: 'returned', value: undefined }, 'KCP_THREAD_CRASHED'],
  ])('tells whose thread it was for %s', (_name, sign, code) => {
    const error = threadError(who, sign)
    expect(error).toMatchObject({ name: 'PoolError', code, slot: 2 })
    const names = code === 'KCP_THREAD_NOT_STARTED' ? ['slot 2'] : ['slot 2', 'incarnation 5', 'orders-02-1']
    for (const text of names) expect(error.message).toContain(text)
  })

  it.each<[NodeJS.Signals, boolean, string, string]>([
    ['SIGKILL', false, 'KCP_THREAD_CRASHED', 'the system was out of memory'],
    ['SIGSEGV', false, 'KCP_THREAD_CRASHED', 'a native addon'],
    ['SIGABRT', false, 'KCP_THREAD_CRASHED', 'stderr'],
    ['SIGABRT', true, 'KCP_THREAD_OUT_OF_MEMORY', 'resourceLimits'],
    ['SIGTRAP', true, 'KCP_THREAD_OUT_OF_MEMORY', 'resourceLimits'],
    ['SIGXCPU', false, 'KCP_THREAD_CRASHED', 'SIGXCPU'],
  ])('says what most likely ended a process by %s (out of memory: %s)', (signal, outOfMemory, code, words) => {
    const error = threadError(who, { type: 'killed', signal, outOfMemory })
    expect(error).toMatchObject({ code, slot: 2 })
    for (const text of ['incarnation 5', 'orders-02-1', signal, words]) expect(error.message).toContain(text)
  })

  it('takes the end of a worker for what it was', () => {
    expect(endSign(7)).toEqual({ type: 'exited', exitCode: 7 })
    expect(endSign(0, null)).toEqual({ type: 'exited', exitCode: 0 })
    expect(endSign(null, 'SIGABRT', true)).toEqual({ type: 'killed', signal: 'SIGABRT', outOfMemory: true })
  })

  it.each([
    ['bare', (record: unknown) => record],
    ['as the cause', (record: unknown) => new Error('cannot start', { cause: record })],
  ])('gives an error that crossed the thread boundary as a record (%s) back as it was', (_how, wrap) => {
    const original = new PoolError('KCP_HANDLER_NOT_FOUND', 'no such file', { cause: new Error('ENOENT') })
    const reason = structuredClone(wrap(toErrorData(original)))
    const error = threadError(who, { type: 'gave-up', reason })
    expect(error).toMatchObject({ code: 'KCP_HANDLER_NOT_FOUND', message: 'no such file', slot: 2 })
    expect(error.stack).toBe(original.stack)
    expect(error.cause).toMatchObject({ message: 'ENOENT' })
  })

  it('wraps a foreign error that crossed the boundary, its stack in the cause', () => {
    const original = Object.assign(new RangeError('too far'), { code: 'E_FAR' })
    const error = threadError(who, { type: 'gave-up', reason: new Error('x', { cause: toErrorData(original) }) })
    expect(error).toMatchObject({ code: 'KCP_THREAD_CRASHED', cause: { name: 'RangeError', code: 'E_FAR' } })
  })
})

it('the death of a spare says when it died, and why', () => {
  expect(spareError({ type: 'exited', exitCode: 3 }, false).message).toContain('exit code 3 while it loaded')
  const cause = new Error('boom')
  expect(spareError({ type: 'threw', thrown: cause }, true)).toMatchObject({ cause })
  expect(spareError({ type: 'unborn', reason: cause }, false)).toMatchObject({ code: 'KCP_THREAD_NOT_STARTED', cause })
})

it('a spare that keeps dying is booted ever more seldom, but at least once a minute', () => {
  expect([1, 2, 3, 7, 50].map(spareDelayMs)).toEqual([1_000, 2_000, 4_000, 60_000, 60_000])
})

it.each([
  ['FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory', true],
  ['# Fatal process out of memory: Zone', true],
  ['# Fatal JavaScript invalid size error 169220804 (see crbug.com/1201626)', true],
  ['FATAL ERROR: v8::ToLocalChecked Empty MaybeLocal', false],
  ['the database says: out of memory', false],
])('what V8 said before it aborted is looked through for memory: %s', (text, isMemory) => {
  expect(saysOutOfMemory(text)).toBe(isMemory)
})
