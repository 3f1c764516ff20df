import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { SocketFactory } from './internals.js'

const KEEP_ALIVE_MS = 60_000

/** Opens a socket for a kafkajs connection, as kafkajs does, but without Nagle's delay. */
export const openSocket: SocketFactory = ({ host, port, ssl, onConnect }): Socket => {
  const servername = isIP(host) === 0 ? { servername: host } : {}
  const socket = ssl
    ? connectTls({ host, port, ...servername, ...(ssl === true ? {} : ssl) }, onConnect)
    : connect({ host, port }, onConnect)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  socket.setNoDelay(true)
  return socket
}
