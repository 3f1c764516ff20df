import { expect, test } from 'vitest'
import { nativeThreadsHint } from '#src/config/native-threads.js'

const slots = (...concurrency: number[]) => concurrency.map((each) => ({ concurrency: each }))

test('where more messages may be in hand than Node has threads for native work, it is said how to have more', () => {
  expect(nativeThreadsHint(slots(16, 16), undefined)).toMatch(/^up to 32 messages .* UV_THREADPOOL_SIZE=36;/)
  expect(nativeThreadsHint(slots(5), '')).toContain('UV_THREADPOOL_SIZE=9')
  expect(nativeThreadsHint(slots(100_000), undefined)).toContain('UV_THREADPOOL_SIZE=1024')
})

test('nothing is said of a few messages, of handlers that come one after the other, or when the number was set', () => {
  expect(nativeThreadsHint(slots(4), undefined)).toBeNull()
  expect(nativeThreadsHint(slots(...Array(64).fill(1)), undefined)).toBeNull()
  expect(nativeThreadsHint(slots(16, 16), '4')).toBeNull()
})
