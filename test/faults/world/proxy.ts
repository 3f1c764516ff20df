import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a network does to the connections of some clients. */
export type Weather =
  | { readonly kind: 'fair' }
  /** Each piece of data takes so long. */
  | { readonly kind: 'slow'; readonly latencyMs: number }
  /** Nothing arrives, on new connections either, and nobody is told; later it comes after all. */
  | { readonly kind: 'hole'; readonly swallows?: Swallowed }

/** One way that nothing gets through. @default both */
export type Swallowed = 'requests' | 'answers'

const FAIR: Weather = { kind: 'fair' }
const HOLE_LOOK_MS = 50
const MOST_WAITING = 16

const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.once('drain', resolve).once('close', () => resolve())
  })

interface Pair {
  readonly client: Socket
  readonly server: Socket
  /** Beginning of the `client.id` of the first request; empty before that was seen. */
  name: string
}

/** @param name of a client without its slot and what follows; empty for all */
const isOf = (pair: Pair, name: string): boolean => name === '' || pair.name.startsWith(`${name}-`)

const swallows = (weather: Weather, what: Swallowed): boolean =>
  weather.kind === 'hole' && (weather.swallows ?? what) === what

/** Kafka's request header: length, api key, version, correlation id, then the length of the client id and that itself. */
const clientIdIn = (request: Buffer): string => {
  if (request.length < 14) return ''
  return request.toString('utf8', 14, 14 + Math.max(0, request.readInt16BE(12)))
}

/** Stands between the pools and one node, and makes the weather for the clients whose ids begin with a name and a dash. */
export class NetworkProxy {
  readonly port: number
  readonly targetPort: number
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  readonly #weather = new Map<string, Weather>()

  private constructor(server: Server, targetPort: number) {
    this.#server = server
    this.targetPort = targetPort
    this.port = (server.address() as AddressInfo).port
  }

  static async start(targetPort: number): Promise<NetworkProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new NetworkProxy(server, targetPort)
    server.on('connection', (client: Socket) => proxy.#join(client, connect(targetPort, '127.0.0.1')))
    return proxy
  }

  /** @param name of the clients, see {@link isOf} */
  set(name: string, weather: Weather): void {
    this.#weather.set(name, weather)
  }

  /** Breaks the connections of now, as a router does that was restarted. */
  reset(name: string): number {
    const broken = [...this.#pairs].filter((pair) => isOf(pair, name))
    for (const { client, server } of broken) {
      client.resetAndDestroy()
      server.destroy()
    }
    return broken.length
  }

  async close(): Promise<void> {
    for (const { client, server } of this.#pairs) {
      client.destroy()
      server.destroy()
    }
    this.#server.close()
    await once(this.#server, 'close')
  }

  #weatherOf(pair: Pair): Weather {
    for (const [name, weather] of this.#weather) if (weather.kind !== 'fair' && isOf(pair, name)) return weather
    return FAIR
  }

  #join(client: Socket, server: Socket): void {
    const pair: Pair = { client, server, name: '' }
    this.#pairs.add(pair)
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
    }
    client.on('close', () => {
      this.#pairs.delete(pair)
      server.destroySoon()
    })
    server.on('close', () => client.destroySoon())
    client.once('data', (first: Buffer) => {
      pair.name = clientIdIn(first)
    })
    this.#forward(pair, client, server, 'requests')
    this.#forward(pair, server, client, 'answers')
  }

  /** Pieces pass one after the other, each when the weather lets it; behind many that wait nothing is read. */
  #forward(pair: Pair, from: Socket, to: Socket, what: Swallowed): void {
    const waiting: Buffer[] = []
    let isPassing = false
    const pass = async () => {
      isPassing = true
      for (let piece = waiting.shift(); piece !== undefined; piece = waiting.shift()) {
        const weather = this.#weatherOf(pair)
        if (weather.kind === 'slow') await sleep(weather.latencyMs)
        while (swallows(this.#weatherOf(pair), what) && !to.destroyed) await sleep(HOLE_LOOK_MS)
        if (!to.destroyed && !to.write(piece)) await drained(to)
      }
      isPassing = false
      from.resume()
    }
    from.on('data', (piece: Buffer) => {
      waiting.push(piece)
      if (waiting.length >= MOST_WAITING) from.pause()
      if (!isPassing) void pass()
    })
  }
}
