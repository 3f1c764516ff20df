import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '#scripts/support/until.js'
import { NetworkProxy } from '../../faults/world/proxy.js'

/** As Kafka's requests begin: length, api key, version, correlation id, client id. */
const request = (clientId: string): Buffer => {
  const head = Buffer.alloc(14)
  head.writeInt16BE(clientId.length, 12)
  return Buffer.concat([head, Buffer.from(clientId)])
}

/** A server that sends everything back, behind a proxy. */
const start = async () => {
  const server = createServer((socket) => void socket.on('error', () => undefined).pipe(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await NetworkProxy.start((server.address() as AddressInfo).port)
  onTestFinished(async () => {
    await proxy.close()
    server.close()
  })
  return proxy
}

const client = async (proxy: NetworkProxy, clientId: string) => {
  const socket: Socket = connect(proxy.port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const state = { socket, text: '', isOver: false }
  socket.on('data', (piece) => {
    state.text += piece.toString()
  })
  socket
    .on('error', () => undefined)
    .on('close', () => {
      state.isOver = true
    })
  await once(socket, 'connect')
  socket.write(request(clientId))
  await until(() => state.text.endsWith(clientId), { what: 'the first answer' })
  return state
}

test('in fair weather everything passes, in its order', async () => {
  const { socket, ...state } = await client(await start(), 'a-00-1')
  let text = state.text
  socket.on('data', (piece) => {
    text += piece.toString()
  })
  const sent = Array.from({ length: 2_000 }, (_, n) => `${n} `).join('')
  for (const piece of sent.match(/.{1,100}/gs) ?? []) socket.write(piece)
  await until(() => text.endsWith(sent), { what: 'all to come back' })
})

test('what is held up by a hole or is slow comes later, whole and in its order; other clients hear nothing of it', async () => {
  const proxy = await start()
  const held = await client(proxy, 'a-00-1')
  const free = await client(proxy, 'b-00-1')
  proxy.set('a', { kind: 'hole' })
  held.socket.write('one')
  free.socket.write('two')
  await until(() => free.text.endsWith('two'), { what: 'the other client to be served' })
  expect(held.text.endsWith('one')).toBe(false)
  held.socket.write('three')
  proxy.set('a', { kind: 'slow', latencyMs: 20 })
  held.socket.write('four')
  await until(() => held.text.endsWith('onethreefour'), { what: 'all to come after all' })
})

test('a reset breaks the connections of the clients that are meant', async () => {
  const proxy = await start()
  const [broken, whole] = [await client(proxy, 'a-00-1'), await client(proxy, 'b-00-1')]
  expect(proxy.reset('a')).toBe(1)
  await until(() => broken.isOver, { what: 'the connection to be broken' })
  whole.socket.write('still here')
  await until(() => whole.text.endsWith('still here'), { what: 'the other one to be served' })
})

test('a hole of one way lets the other way through', async () => {
  const proxy = await start()
  const pool = await client(proxy, 'a-00-1')
  const other = await client(proxy, 'ab-00-1')
  proxy.set('a', { kind: 'hole', swallows: 'answers' })
  pool.socket.write('asked')
  other.socket.write('asked')
  await until(() => other.text.endsWith('asked'), { what: 'the client whose id only begins alike to be served' })
  expect(pool.text.endsWith('asked')).toBe(false)
  // What the server has sent back waits already; what it is sent now does not get there.
  proxy.set('a', { kind: 'hole', swallows: 'requests' })
  pool.socket.write('in vain')
  await until(() => pool.text.endsWith('asked'), { what: 'the answer that waited' })
  proxy.set('a', { kind: 'fair' })
  await until(() => pool.text.endsWith('in vain'), { what: 'the rest' })
})
