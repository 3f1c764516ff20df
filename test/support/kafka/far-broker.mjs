// Plain JavaScript, so that a worker thread loads it without compiling: a broker that answers while the test's own
// thread is blocked, each answer after a while. It speaks just enough to connect and authenticate (PLAIN), and says
// nothing at all when it is told to be silent.
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { parentPort, workerData } from 'node:worker_threads'

const { delayMs, silent, tls } = workerData
const Encoder = createRequire(import.meta.url)('kafkajs/src/protocol/encoder')
const encoder = () => new Encoder()

const APIS = { 1: 11, 2: 3, 3: 6, 8: 7, 9: 4, 10: 2, 11: 5, 12: 3, 13: 3, 14: 3, 17: 1, 18: 2, 36: 1 }

const answers = {
  18: () =>
    encoder()
      .writeInt16(0)
      .writeArray(Object.entries(APIS).map(([key, max]) => encoder().writeInt16(key).writeInt16(0).writeInt16(max)))
      .writeInt32(0),
  17: () => encoder().writeInt16(0).writeArray(['PLAIN']),
  36: () => encoder().writeInt16(0).writeString(null).writeBytes(Buffer.alloc(0)).writeInt64(0),
  3: (port) =>
    encoder()
      .writeInt32(0)
      .writeArray([encoder().writeInt32(1).writeString('localhost').writeInt32(port).writeString(null)])
      .writeString('cluster')
      .writeInt32(1)
      .writeArray([]),
  12: () => encoder().writeInt32(0).writeInt16(0),
}

const onConnection = (socket) => {
  socket.on('error', () => {})
  if (silent) return
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const frame = rest.subarray(4, 4 + rest.readInt32BE(0))
      rest = rest.subarray(4 + frame.length)
      const body = answers[frame.readInt16BE(0)](server.address().port)
      const answer = encoder().writeInt32(frame.readInt32BE(4)).writeEncoder(body)
      setTimeout(() => socket.write(encoder().writeBytes(answer.buffer).buffer), delayMs)
    }
  })
}

const server = tls === undefined ? createServer(onConnection) : createTlsServer(tls, onConnection)
server.listen(0, 'localhost', () => parentPort.postMessage(server.address().port))
