import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

const KEEP_ALIVE_MS = 60_000

/**
 * Begins to connect, with TLS when `ssl` says so.
 *
 * @param options.onConnect called when bytes can be sent
 */
export type SocketFactory = (options: {
  readonly host: string
  readonly port: number
  readonly ssl: object | boolean | null
  readonly onConnect: () => void
}) => Socket

/** Opens a socket of the operating system, without Nagle's delay. */
export const openSocket: SocketFactory = ({ host, port, ssl, onConnect }): Socket => {
  const servername = isIP(host) === 0 ? { servername: host } : {}
  const socket = ssl
    ? connectTls({ host, port, ...servername, ...(ssl === true ? {} : ssl) }, onConnect)
    : connect({ host, port }, onConnect)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  socket.setNoDelay(true)
  return socket
}
