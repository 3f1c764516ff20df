import { expect, test } from 'vitest'
import { nativeThreadsHint } from '#src/config/rules/native-threads.js'

const slots = (...concurrency: number[]) => concurrency.map((each) => ({ concurrency: each }))

test('where more messages may be in flight than Node has threads for native work, it is said how to have more', () => {
  expect(nativeThreadsHint(slots(16, 16), undefined)).toMatch(/^up to 32 messages .* UV_THREADPOOL_SIZE=36;/)
  expect(nativeThreadsHint(slots(5), '')).toContain('UV_THREADPOOL_SIZE=9')
  expect(nativeThreadsHint(slots(100_000), undefined)).toContain('UV_THREADPOOL_SIZE=1024')
})

test('slots that handle one message after the other count, too, where some take more: so many are in flight', () => {
  expect(nativeThreadsHint(slots(16, ...Array(8).fill(1)), undefined)).toMatch(
    /^up to 24 messages .* UV_THREADPOOL_SIZE=28;/,
  )
  expect(nativeThreadsHint(slots(2, 1, 1), undefined)).toBeNull()
  expect(nativeThreadsHint(slots(2, 1, 1, 1), undefined)).toContain('up to 5 messages')
})

test('processes share no threads: what counts is how many messages are in flight in one of them', () => {
  expect(nativeThreadsHint(slots(4, 4, 4), undefined, 'process')).toBeNull()
  expect(nativeThreadsHint(slots(1, 16), undefined, 'process')).toMatch(
    /^up to 16 messages .* 4 threads in each process .* UV_THREADPOOL_SIZE=20;/,
  )
})

test('nothing is said of a few messages, of handlers that come one after the other, or when the number was set', () => {
  expect(nativeThreadsHint(slots(4), undefined)).toBeNull()
  expect(nativeThreadsHint(slots(...Array(64).fill(1)), undefined)).toBeNull()
  expect(nativeThreadsHint(slots(16, 16), '4')).toBeNull()
})

test('the hint says what shares the threads, what to do, and how not to hear it again', () => {
  expect(nativeThreadsHint(slots(8, 8), undefined)).toBe(
    "up to 16 messages are in flight at once (concurrency), and Node has 4 threads in all for native asynchronous work: crypto, zlib, files, and the names of hosts. If the handlers use these, start the process with the environment variable UV_THREADPOOL_SIZE=20; with any value (4 is Node's own) this is not said again",
  )
})
