import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { runPool } from '#src/cli/run-pool.js'
import { SupervisorLink } from '#src/cli/supervise/link.js'
import type { ConsumerPool } from '#src/control/pool.js'

/** What is logged at the first signal, when the seat has that member id. */
const noticeWith = async (memberId: string): Promise<unknown> => {
  const pool = Object.assign(new EventEmitter(), {
    start: () => new Promise(() => {}),
    stop: async () => {},
    status: () => ({ slots: [{ seat: { memberId } }] }),
  })
  const lines: unknown[] = []
  const log = { info: (_: object, line: string) => lines.push(line) }
  const running = runPool(pool as unknown as ConsumerPool, log as never)
  process.emit('SIGTERM')
  await running
  return lines[0]
}

test('the first signal says what a second one costs: a wait at the next start, once a seat is a member', async () => {
  expect(await noticeWith('')).toMatch(/A second signal ends the process at once$/)
  expect(await noticeWith('member-1')).toMatch(/at once; the next start then waits until its members are dropped$/)
})

test('whoever supervises the process hears that the pool runs, when it does, and can stop it', async () => {
  const said: unknown[] = []
  const send = (message: unknown, _handle: unknown, _options: unknown, done: () => void) => {
    said.push(message)
    done()
    return true
  }
  const channel = Object.assign(new EventEmitter(), { connected: true, send, exit: () => {} })
  let started = () => {}
  let stops = 0
  const pool = Object.assign(new EventEmitter(), {
    start: () => new Promise<void>((resolve) => (started = resolve)),
    stop: async () => void stops++,
    status: () => ({ slots: [] }),
  })
  const link = new SupervisorLink(channel as never)
  const running = runPool(pool as unknown as ConsumerPool, { info: () => {} } as never, link)
  await Promise.resolve()
  expect(said).toEqual([])
  started()
  await expect.poll(() => said).toEqual([{ type: 'running' }])
  expect(stops).toBe(0)
  channel.emit('message', { type: 'stop', signal: 'SIGTERM' })
  expect([await running, stops]).toEqual([0, 1])
})
