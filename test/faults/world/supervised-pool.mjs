// For the configuration file of a pool that the command runs, `--supervise` and all: whoever loads it has its pool followed by
// the fault harness, which listens on a socket, since the process has its channel to its supervisor.
import { connect } from 'node:net'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { deserialize, serialize } from 'node:v8'
import { ConsumerPool } from '#src/index.js'
import { follow, obey, openDiary, ordersFor } from './diary.mjs'

/** @param path of the harness's socket */
export const followed = (name, file, path) => {
  const note = openDiary(name, file)
  const socket = connect(path)
  socket
    .on('error', () => undefined)
    .on('close', () => {
      // The harness is gone.
      process.kill(process.ppid, 'SIGKILL')
      process.exit(1)
    })
  socket.unref()
  const say = (message) => socket.write(`${serialize(message).toString('base64')}\n`)
  const orders = {}
  const lines = createInterface(socket).on('error', () => undefined) // the socket's
  lines.on('line', (line) => obey(deserialize(Buffer.from(line, 'base64')), orders, say))
  say({ type: 'born', pid: process.pid })
  note('born')

  const { start } = ConsumerPool.prototype
  ConsumerPool.prototype.start = async function () {
    follow(this, note)
    this.on('pool:stopped', ({ afterMs }) => note('stopped', { tookMs: afterMs }))
    Object.assign(orders, ordersFor(this, note))
    await start.call(this)
    note('started')
    say({ type: 'started' })
  }
}
