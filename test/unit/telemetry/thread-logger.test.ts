import { expect, test } from 'vitest'
import type { FromThread } from '#src/protocol/messages.js'
import { createThreadLogger } from '#src/telemetry/thread-logger.js'

const setUp = (logLevel = 'info') => {
  const lines: Record<string, unknown>[] = []
  const post = (message: FromThread) => {
    if (message.type === 'log') lines.push(JSON.parse(message.line))
  }
  const clock = { nowMs: 0 }
  const log = createThreadLogger({ slot: 2, incarnation: 7, logLevel, post, now: () => clock.nowMs })
  return { lines, log, clock }
}

test('a line is posted with slot and incarnation', () => {
  const { lines, log } = setUp()
  log.child({ topic: 'orders' }).warn({ n: 1 }, 'hello')
  expect(lines).toMatchObject([{ level: 40, slot: 2, incarnation: 7, topic: 'orders', n: 1, msg: 'hello' }])
})

test('lines below the level are not posted', () => {
  const { lines, log } = setUp('warn')
  log.info('no')
  expect(lines).toEqual([])
})

test('anything thrown can be logged, and errors keep stack, code and cause', () => {
  const { lines, log } = setUp()
  log.error({ err: null }, 'null')
  log.error(Object.assign(new TypeError('broken', { cause: new Error('why') }), { code: 'E1' }))
  const [, second] = lines
  expect(lines[0]).toMatchObject({ err: { message: 'null was thrown' } })
  expect(second).toMatchObject({ err: { type: 'TypeError', message: 'broken', code: 'E1', cause: { message: 'why' } } })
})

test('lines that come faster than they can be written are left out and counted', () => {
  const { lines, log, clock } = setUp()
  for (let n = 0; n < 6_000; n++) log.info('much')
  expect(lines.length).toBe(5_000)
  clock.nowMs += 1_000
  log.info('more')
  expect(lines.at(-1)).toMatchObject({ unwritten: 1_000 })
})
