import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** Stands between clients and a server, sees what the server sends, and can lose connections as a firewall does that has forgotten them. */
export interface SwallowingProxy {
  readonly port: number
  /** From now on nothing that is sent on the connections of now arrives; nobody is told. Returns how many they are. */
  swallow(): number
  /** Bytes that the server has sent. */
  readonly sent: number
}

/** Stopped after the test. */
export const startSwallowingProxy = async (targetPort: number): Promise<SwallowingProxy> => {
  const pairs = new Set<readonly [Socket, Socket]>()
  let sent = 0
  const server = createServer((client) => {
    const target = connect(targetPort, '127.0.0.1')
    const pair = [client, target] as const
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      target.destroy()
    }
    for (const socket of pair) socket.on('error', end).on('close', end)
    client.pipe(target)
    target.pipe(client)
    target.on('data', (piece: Buffer) => {
      sent += piece.length
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(async () => {
    for (const [client, target] of pairs) {
      client.destroy()
      target.destroy()
    }
    await new Promise((resolve) => server.close(resolve))
  })
  return {
    port: (server.address() as AddressInfo).port,
    swallow: () => {
      for (const [client, target] of pairs) {
        for (const socket of [client, target]) socket.unpipe().removeAllListeners('close').resume()
      }
      return pairs.size
    },
    get sent() {
      return sent
    },
  }
}
