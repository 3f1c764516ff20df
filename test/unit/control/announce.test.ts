import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { announce } from '#src/control/announce.js'
import type { PoolEvents } from '#src/control/events.js'
import { ConsumerPool } from '#src/index.js'
import { deferred } from '#src/util/deferred.js'
import { collectLines } from '../../support/log-lines.js'

const PAYLOAD = { afterMs: 1, drained: true }

const setUp = () => {
  const emitter = new EventEmitter<PoolEvents>()
  const calls: string[] = []
  const faults: unknown[] = []
  return {
    emitter,
    calls,
    faults,
    announceStop: () => announce(emitter, 'pool:stopped', PAYLOAD, (fault) => faults.push(fault)),
  }
}

test('a listener that throws keeps no other from being called', () => {
  const { emitter, calls, faults, announceStop } = setUp()
  const fault = new Error('mine')
  emitter.on('pool:stopped', () => {
    throw fault
  })
  emitter.on('pool:stopped', ({ afterMs }) => calls.push(`second ${afterMs}`))
  void announceStop()
  expect(calls).toEqual(['second 1'])
  expect(faults).toEqual([fault])
})

test('a listener whose promise rejects does not end the process', async () => {
  const { emitter, faults, announceStop } = setUp()
  const unhandled: unknown[] = []
  const note = (reason: unknown): void => void unhandled.push(reason)
  process.on('unhandledRejection', note)
  emitter.on('pool:stopped', async () => {
    throw null
  })
  void announceStop()
  await new Promise(setImmediate)
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
  expect(faults).toEqual([null])
})

test('a thenable whose then throws is a fault like any other', async () => {
  const { emitter, calls, faults, announceStop } = setUp()
  const then = () => {
    throw new Error('hostile')
  }
  const hostile = () => Object.defineProperty({}, 'then', { get: then })
  emitter.on('pool:stopped', hostile)
  emitter.on('pool:stopped', () => calls.push('second'))
  void announceStop()
  expect([calls, faults.length]).toEqual([['second'], 1])
})

test('listeners are called as emit calls them: on the emitter, once where they were added so, those of now', () => {
  const { emitter, calls, announceStop } = setUp()
  emitter.once('pool:stopped', function (this: unknown) {
    calls.push(this === emitter ? 'once' : 'elsewhere')
    emitter.on('pool:stopped', () => calls.push('late'))
  })
  void announceStop()
  void announceStop()
  expect(calls).toEqual(['once', 'late'])
  emitter.removeAllListeners()
  void announceStop()
  expect(calls).toEqual(['once', 'late'])
})

test('whoever wants to know hears when the promises of all listeners are settled, also of those that reject', async () => {
  const { emitter, faults, announceStop } = setUp()
  const slow = deferred<void>()
  emitter.on('pool:stopped', () => slow.promise)
  emitter.on('pool:stopped', () => Promise.reject(new Error('mine')))
  let isDone = false
  const done = announceStop().then(() => {
    isDone = true
  })
  await new Promise(setImmediate)
  expect([isDone, faults.length]).toEqual([false, 1])
  slow.resolve()
  await done
})

test('the pool logs what its listeners do wrong, with the name of the event, and calls all of them', async () => {
  const { logger, lines } = collectLines()
  const pool = new ConsumerPool({
    kafka: { brokers: ['127.0.0.1:1'] },
    consumer: { groupId: 'g' },
    topics: ['t'],
    handler: './handler.js',
    logger,
  })
  const calls: string[] = []
  pool.on('pool:stopped', () => {
    throw new Error('at once')
  })
  pool.on('pool:stopped', async () => Promise.reject(new Error('later')))
  pool.on('pool:stopped', () => calls.push('third'))
  await pool.stop()
  await new Promise(setImmediate)
  expect(calls).toEqual(['third'])
  expect(lines.filter(({ event }) => event === 'pool:stopped')).toMatchObject([
    { level: 50, err: { message: 'at once' }, msg: expect.stringContaining('pool:stopped') },
    { level: 50, err: { message: 'later' } },
  ])
})
