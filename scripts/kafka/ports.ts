import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'
import { BrokerError } from './broker-error.js'

/*
 * Below the range that Linux and macOS take the ports of outgoing connections from. A port of that range may be given
 * away while a killed node is down; worse, a client that tries it again and again on loopback can end up connected to
 * itself.
 */
const LOWEST = 15_000
const HIGHEST = 32_000
const TRIES = 200

/** True when nobody listens on this loopback port. */
export const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)))
  })

/** So many different loopback ports that were free a moment ago. */
export const freePorts = async (count: number): Promise<number[]> => {
  const found = new Set<number>()
  for (let tries = 0; tries < TRIES && found.size < count; tries++) {
    const port = randomInt(LOWEST, HIGHEST)
    if (!found.has(port) && (await isFree(port))) found.add(port)
  }
  if (found.size < count) throw new BrokerError(`No ${count} free ports between ${LOWEST} and ${HIGHEST} on 127.0.0.1.`)
  return [...found]
}
