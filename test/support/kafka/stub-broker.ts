import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { KafkaConfig } from '#src/config/resolved.js'
import { createClient } from '#src/kafka/create-client.js'
import type { ClusterView } from '#src/kafka/metadata.js'
import { kafkaConfig } from '../config/slot-config.js'
import { kafkajsFile } from './record-encoder.js'

/* A broker that says what a test wants it to say. */

const Encoder = kafkajsFile('protocol/encoder')

// biome-ignore lint/suspicious/noExplicitAny: kafkajs's encoder has no types
export const encoder = (): any => new Encoder()

export const Api = {
  fetch: 1,
  metadata: 3,
  offsetCommit: 8,
  findCoordinator: 10,
  heartbeat: 12,
  describeGroups: 15,
  saslHandshake: 17,
  apiVersions: 18,
  saslAuthenticate: 36,
} as const

/** What Kafka 3 offers, as far as it is asked for: api key to highest version. */
export const MODERN: Readonly<Record<number, number>> = {
  1: 12,
  2: 6,
  3: 11,
  8: 8,
  9: 7,
  10: 3,
  11: 7,
  12: 4,
  13: 4,
  14: 5,
  15: 5,
  17: 1,
  18: 3,
  32: 4,
  36: 2,
}

export interface StubRequest {
  readonly apiKey: number
  readonly version: number
  readonly clientId: string
  readonly socket: Socket
  /** Everything behind the header. */
  readonly body: Buffer
  /** How many requests this connection has sent before. */
  readonly index: number
}

/** The body of an answer; null for none. */
export type Answering = (request: StubRequest) => { buffer: Buffer } | Buffer | null

export interface StubBroker {
  readonly port: number
  readonly address: string
  readonly requests: StubRequest[]
  readonly sockets: ReadonlySet<Socket>
  stop(): Promise<void>
}

export const apiVersions = (ranges: Readonly<Record<number, number>> = MODERN) =>
  encoder()
    .writeInt16(0)
    .writeArray(
      Object.entries(ranges).map(([key, max]) => encoder().writeInt16(Number(key)).writeInt16(0).writeInt16(max)),
    )
    .writeInt32(0)

export const metadata = (brokers: readonly { nodeId: number; port: number }[]) =>
  encoder()
    .writeInt32(0)
    .writeArray(
      brokers.map(({ nodeId, port }) =>
        encoder().writeInt32(nodeId).writeString('127.0.0.1').writeInt32(port).writeString(null),
      ),
    )
    .writeString('cluster')
    .writeInt32(1)
    .writeArray([])

export const serve = async (onConnection: (socket: Socket) => void, server: Server = createServer()) => {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket)).on('error', () => {})
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const stop = async () => {
    for (const socket of sockets) socket.destroy()
    if (server.listening) await new Promise((resolve) => server.close(resolve))
  }
  onTestFinished(stop)
  return { port, address: `127.0.0.1:${port}`, sockets, stop }
}

/** Starts a stub that answers ApiVersions and Metadata by itself, unless `answer` returns something else than undefined. */
export const startStub = async (
  answer: (request: StubRequest) => ReturnType<Answering> | undefined = () => undefined,
) => {
  const requests: StubRequest[] = []
  const stub = await serve((socket) => {
    let rest = Buffer.alloc(0)
    let index = 0
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
        const frame = rest.subarray(4, 4 + rest.readInt32BE(0))
        rest = rest.subarray(4 + frame.length)
        const clientIdLength = frame.readInt16BE(8)
        const request: StubRequest = {
          apiKey: frame.readInt16BE(0),
          version: frame.readInt16BE(2),
          clientId: frame.toString('utf8', 10, 10 + clientIdLength),
          body: frame.subarray(10 + clientIdLength),
          socket,
          index: index++,
        }
        requests.push(request)
        const said = answer(request)
        const body = said === undefined ? byDefault(request) : said
        if (body !== null) socket.write(framed(frame.readInt32BE(4), Buffer.isBuffer(body) ? body : body.buffer))
      }
    })
  })
  const byDefault = ({ apiKey }: StubRequest) => {
    if (apiKey === Api.apiVersions) return apiVersions()
    if (apiKey === Api.metadata) return metadata([{ nodeId: 1, port: stub.port }])
    return null
  }
  return { ...stub, requests } satisfies StubBroker
}

export const framed = (correlationId: number, body: Buffer): Buffer => {
  const header = Buffer.alloc(8)
  header.writeInt32BE(4 + body.length, 0)
  header.writeInt32BE(correlationId, 4)
  return Buffer.concat([header, body])
}

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** A connection that is closed when the test is over. */
export const clientOf = (brokers: readonly string[], more: Partial<KafkaConfig> = {}, view?: ClusterView) => {
  const kafka = kafkaConfig({
    brokers,
    connectionTimeout: 100,
    authenticationTimeout: 1_000,
    requestTimeout: 5_000,
    retry: { retries: 5, initialRetryTime: 20, maxRetryTime: 50 },
    ...more,
  })
  const client = createClient({ clientId: 'test-00', kafka, log: silent, ...(view && { view }) })
  onTestFinished(() => client.close())
  return client
}
