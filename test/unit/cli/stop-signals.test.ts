import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { onStopSignals } from '#src/cli/stop-signals.js'

const setUp = () => {
  const heard: (string | number)[] = []
  const clock = { ms: 1_000 }
  const process = Object.assign(new EventEmitter(), { exit: (code: number) => void heard.push(code) })
  const release = onStopSignals((signal) => heard.push(signal), { process, now: () => clock.ms })
  return { heard, clock, release, process, send: (signal: string) => process.emit(signal, signal) }
}

test('a signal that comes twice at the same moment, from npm and from systemd, is one', () => {
  const { heard, clock, send } = setUp()
  send('SIGTERM')
  clock.ms += 50
  send('SIGTERM')
  send('SIGINT')
  expect(heard).toEqual(['SIGTERM'])
})

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
])('a second %s, later, ends the process with %i', (signal, code) => {
  const { heard, clock, send } = setUp()
  send(signal)
  clock.ms += 1_000
  send(signal)
  expect(heard).toEqual([signal, code])
})

test('signals that were given back are heard no more', () => {
  const { process, release } = setUp()
  release()
  expect(process.eventNames()).toEqual([])
})
