import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { SupervisorLink } from '#src/cli/supervise/link.js'

const world = (connected = true) => {
  const said: unknown[] = []
  const codes: (number | undefined)[] = []
  const channel = Object.assign(new EventEmitter(), {
    connected,
    send: (message: unknown, _handle: unknown, _options: unknown, done: () => void) => {
      said.push(message)
      done()
      return true
    },
    exit: (code?: number) => void codes.push(code),
  })
  const link = new SupervisorLink(channel as never)
  const stops: unknown[] = []
  const listen = () => link.onStop((signal) => stops.push(signal))
  return { channel, link, said, codes, stops, listen }
}

test('Ctrl-C reaches both processes, and systemd signals both: however often and in which order, it is one wish to stop', () => {
  const { channel, codes, stops, listen } = world()
  listen()
  channel.emit('SIGINT', 'SIGINT')
  channel.emit('message', { type: 'stop', signal: 'SIGINT' })
  channel.emit('SIGINT', 'SIGINT')
  channel.emit('SIGTERM', 'SIGTERM')
  channel.emit('disconnect')
  expect([stops, codes]).toEqual([['SIGINT'], []])
})

test('the supervisor alone says when it is enough', () => {
  const { channel, codes } = world()
  channel.emit('message', { type: 'end', code: 130 })
  expect(codes).toEqual([130])
})

test('a supervisor that is gone is a wish to stop, also when that was so before anybody asked', () => {
  const gone = world()
  gone.listen()
  gone.channel.emit('disconnect')
  expect(gone.stops).toEqual([null])
  const before = world()
  before.channel.emit('message', { type: 'stop', signal: 'SIGTERM' })
  before.listen()
  expect(before.stops).toEqual(['SIGTERM'])
  const never = world(false)
  never.listen()
  expect(never.stops).toEqual([null])
})

test('what is said to nobody is no error, and signals are given back', async () => {
  const { link, said, listen, channel } = world()
  await link.say({ type: 'running' })
  channel.connected = false
  await link.say({ type: 'refused' })
  expect(said).toEqual([{ type: 'running' }])
  listen()()
  expect(channel.eventNames()).toEqual(['message', 'disconnect'])
})
