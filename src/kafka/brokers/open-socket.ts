import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { PatientLookup } from './patient-lookup.js'
import { RememberedLookup } from './remembered-lookup.js'

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

/** Opens sockets of the operating system, without Nagle's delay. */
export const socketFactory =
  (addresses: PatientLookup): SocketFactory =>
  ({ host, port, ssl, onConnect }): Socket => {
    const { lookup } = addresses
    const servername = isIP(host) === 0 ? { servername: host } : {}
    const socket = ssl
      ? connectTls({ host, port, lookup, ...servername, ...(ssl === true ? {} : ssl) }, onConnect)
      : connect({ host, port, lookup }, onConnect)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.setNoDelay(true)
    socket
      .on('connectionAttemptTimeout', (address) => addresses.gaveUp(host, address))
      .once('connect', () => addresses.reached(host))
    return socket
  }

/** All connections of a thread share what was found out about their hosts. */
export const openSocket = socketFactory(new PatientLookup(new RememberedLookup().lookup))
