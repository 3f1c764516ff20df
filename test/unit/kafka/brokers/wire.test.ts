import type { Socket } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createClient } from '#src/kafka/create-client.js'
import type { FetchRequest } from '#src/kafka/fetch.js'
import type { Membership } from '#src/kafka/group.js'
import { kafkaConfig } from '../../../support/config/slot-config.js'
import {
  type Answering,
  Api,
  clientOf,
  encoder,
  framed,
  metadata,
  type StubRequest,
  serve,
  startStub,
} from '../../../support/kafka/stub-broker.js'

const member: Membership = { groupId: 'g', generation: 1, memberId: 'm', instanceId: null }
const MIB = 1024 * 1024

const heartbeatAnswer = (throttleMs = 0) => encoder().writeInt32(throttleMs).writeInt16(0)
const length = (bytes: number) => {
  const header = Buffer.alloc(4)
  header.writeInt32BE(bytes)
  return header
}

/** Bytes that throw where they are taken for a frame, or that would be collected for ever. */
const HOSTILE: readonly [string, Buffer][] = [
  ['four zero bytes', Buffer.alloc(4)],
  ['a telnet greeting', Buffer.from('fffd010007', 'hex')],
  ['a length under four', length(3)],
  ['the smallest length', length(-(2 ** 31))],
  ['a length of 2 GiB', Buffer.concat([length(2 ** 31 - 1), Buffer.alloc(1000)])],
]

describe('a server that sends', () => {
  it.each(HOSTILE)('%s in place of its first answer ends that connection alone', async (_, bytes) => {
    const hostile = await serve((socket) => void socket.write(bytes))
    const { address } = await startStub()
    await clientOf([hostile.address, address]).connect()
    const alone = clientOf([hostile.address], { retry: { retries: 1, initialRetryTime: 1, maxRetryTime: 1 } })
    await expect(alone.connect()).rejects.toMatchObject({
      code: 'KCP_BROKER_UNREACHABLE',
      message: expect.stringContaining('not a Kafka broker; it says'),
    })
  })

  it.each(
    HOSTILE,
  )('%s later on fails what was pending there, and the next request goes over a new connection', async (_, bytes) => {
    let hostile = true
    const { address } = await startStub(({ apiKey, socket }) => {
      if (apiKey !== Api.heartbeat) return undefined
      if (!hostile) return heartbeatAnswer()
      hostile = false
      socket.write(bytes)
      return null
    })
    const client = clientOf([address])
    await client.connect()
    await expect(client.heartbeat(1, member)).rejects.toMatchObject({
      type: 'CONNECTION',
      retriable: true,
      message: expect.stringMatching(/an answer to Heartbeat of -?\d+ bytes, where 4 to \d+ may be/),
    })
    await client.heartbeat(1, member)
  })

  /** What a heartbeat is answered with, on the connection that asked. */
  const answering = async (say: (socket: Socket) => void) => {
    const { address } = await startStub(({ apiKey, socket }) => {
      if (apiKey !== Api.heartbeat) return undefined
      say(socket)
      return null
    })
    const client = clientOf([address])
    await client.connect()
    return client
  }

  it('an answer to another request than the next one ends the connection', async () => {
    const client = await answering((socket) => socket.write(framed(77, heartbeatAnswer().buffer)))
    await expect(client.heartbeat(1, member)).rejects.toThrow(/answered request 77, but the next one is 2/)
  })

  it('what nobody asked for ends the connection', async () => {
    const client = await answering((socket) => {
      const answer = framed(2, heartbeatAnswer().buffer)
      socket.write(Buffer.concat([answer, answer]))
    })
    await client.heartbeat(1, member)
    await expect(client.heartbeat(1, member)).rejects.toMatchObject({ type: 'CONNECTION' })
  })

  it('a batch beyond what may be asked for is awaited as far as a broker may send one, and no further', async () => {
    const request: FetchRequest = {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: MIB,
      limitBytes: 7 * MIB,
      maxDecompressedBytes: MIB,
      readUncommitted: false,
      rackId: null,
      partitions: [{ topic: 't', partition: 0, offset: 0, maxBytes: 1_000 }],
    }
    let announced = 107 * MIB
    const { address } = await startStub(({ apiKey, socket }) => {
      if (apiKey !== Api.fetch) return undefined
      socket.write(length(announced))
      return null
    })
    const client = clientOf([address], { requestTimeout: 100 })
    await client.connect()
    await expect(client.fetch(1, request)).rejects.toMatchObject({ type: 'REQUEST_TIMED_OUT' })
    announced++
    await expect(client.fetch(1, request)).rejects.toThrow(`an answer to Fetch of ${announced} bytes`)
  })
})

it('a server that sends its first answer byte by byte is waited for no longer than a silent one', async () => {
  const { address } = await serve((socket) => {
    socket.write(length(1_000))
    const drip = setInterval(() => socket.write('\0'), 5)
    socket.on('close', () => clearInterval(drip))
  })
  const client = clientOf([address], { retry: { retries: 1, initialRetryTime: 1, maxRetryTime: 1 } })
  await expect(client.connect()).rejects.toThrow(/no answer within \d+ ms/)
})

describe('an answer whose lengths are nonsense', () => {
  const MANY = 2_000_000
  const count = () => encoder().writeInt32(0).writeInt32(MANY)
  /** Leads back to where its own two bytes of length began, or to where the element did. */
  const back = (bytes: number) => encoder().writeInt16(-bytes)

  it('is an error, and no array of elements that take no room', async () => {
    const { address } = await startStub(({ apiKey }) => {
      if (apiKey === Api.describeGroups) {
        return count().writeInt16(0).writeEncoder(back(4)).writeString('').writeString('').writeString('')
      }
      if (apiKey === Api.findCoordinator)
        return encoder().writeInt32(0).writeInt16(0).writeString(null).writeInt32(1).writeInt16(99)
      return undefined
    })
    const client = clientOf([address])
    await client.connect()
    const broken = (what: string) => ({ type: 'CONNECTION', message: expect.stringContaining(what) })
    const tooMany = broken(`an array of ${MANY} items where 1 may be`)
    await expect(client.describeGroup(1, 'g')).rejects.toMatchObject(tooMany)
    await expect(client.findCoordinator('g')).rejects.toMatchObject(broken('has a field from byte'))
  })

  it('takes no memory for what it announces and does not bring', async () => {
    const longest = 2 ** 25 - 1 // a longer array is a sparse one
    const { address } = await startStub(() => encoder().writeInt16(0).writeInt32(longest))
    const client = clientOf([address], { retry: { retries: 1, initialRetryTime: 1, maxRetryTime: 1 } })
    const before = process.memoryUsage().heapUsed
    await expect(client.connect()).rejects.toMatchObject({
      code: 'KCP_BROKER_UNREACHABLE',
      message: expect.stringContaining(`an array of ${longest} items`),
    })
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(8 * longest)
  })

  it('is one while a client authenticates, too', async () => {
    const { address } = await startStub(({ apiKey }) =>
      apiKey === Api.saslHandshake ? encoder().writeInt16(0).writeInt32(MANY).writeEncoder(back(2)) : undefined,
    )
    const sasl = { mechanism: 'plain', username: 'u', password: 'p' }
    const client = clientOf([address], { sasl, retry: { retries: 1, initialRetryTime: 1, maxRetryTime: 1 } })
    await expect(client.connect()).rejects.toMatchObject({
      code: 'KCP_BROKER_UNREACHABLE',
      message: expect.stringContaining('SaslHandshake'),
    })
  })
})

describe('an answer to a Fetch', () => {
  const LATE_MS = 600
  const fetching = async (answer: (request: StubRequest) => ReturnType<Answering>, times = 1) => {
    const { address } = await startStub((request) => (request.apiKey === Api.fetch ? answer(request) : undefined))
    const client = clientOf([address])
    await client.connect()
    const tell = vi.fn()
    const request: FetchRequest = {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: MIB,
      late: { afterMs: LATE_MS, tell },
      maxDecompressedBytes: MIB,
      readUncommitted: false,
      rackId: null,
      partitions: [],
    }
    const all = (async () => {
      for (let time = 0; time < times; time++) await client.fetch(1, request)
    })()
    return { tell, all }
  }
  const nothing = (throttleMs: number) => encoder().writeInt32(throttleMs).writeInt16(0).writeInt32(0).writeArray([])

  it('is late when the broker has been silent for long, and that is told once', async () => {
    const { tell, all } = await fetching(({ socket }) => {
      setTimeout(() => socket.write(framed(1, nothing(0).buffer)), 3 * LATE_MS)
      return null
    })
    await expect.poll(() => tell.mock.calls.length, { timeout: 5_000 }).toBe(1)
    await all
    expect(tell).toHaveBeenCalledTimes(1)
  })

  it('is not late while it is arriving', async () => {
    const parts = 24
    const answer = framed(1, Buffer.concat([nothing(0).buffer, Buffer.alloc(parts * 1_000)]))
    const size = Math.ceil(answer.length / parts)
    const { tell, all } = await fetching(({ socket }) => {
      for (let part = 0; part < parts; part++)
        setTimeout(() => socket.write(answer.subarray(part * size, (part + 1) * size)), (part * 2 * LATE_MS) / parts)
      return null
    })
    await all
    expect(tell).not.toHaveBeenCalled()
  })

  it('is not late while the broker wants quiet', async () => {
    const { tell, all } = await fetching(() => nothing(2 * LATE_MS), 2)
    await all
    expect(tell).not.toHaveBeenCalled()
  })
})

describe('a broker that wants quiet', () => {
  it('gets as much as it said last or before, whichever ends later, and the request waits without timing out', async () => {
    const throttles = [400, 1, 0]
    const asked: number[] = []
    const { address } = await startStub(({ apiKey }) => {
      if (apiKey !== Api.heartbeat) return undefined
      asked.push(performance.now())
      return heartbeatAnswer(throttles[asked.length - 1])
    })
    const client = clientOf([address], { requestTimeout: 100 })
    await client.connect()
    await Promise.all([client.heartbeat(1, member), client.heartbeat(1, member)])
    await client.heartbeat(1, member)
    expect((asked[2] ?? 0) - (asked[1] ?? 0)).toBeGreaterThan(350)
  })

  it('for days gets a minute of it, and it is said once', async () => {
    const warnings: string[] = []
    const log = { debug() {}, info() {}, warn: (_: object, message: string) => void warnings.push(message), error() {} }
    const { address } = await startStub(({ apiKey }) =>
      apiKey === Api.heartbeat ? heartbeatAnswer(2 ** 31 - 1) : undefined,
    )
    const client = createClient({ clientId: 'test-00', kafka: kafkaConfig({ brokers: [address] }), log })
    onTestFinished(() => client.close())
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    onTestFinished(() => void vi.useRealTimers())
    await client.connect()
    await client.heartbeat(1, member)
    for (let beat = 0; beat < 2; beat++) {
      const beating = client.heartbeat(1, member)
      await expect.poll(() => vi.getTimerCount()).toBe(1)
      vi.advanceTimersByTime(60_000)
      await beating
    }
    expect(warnings).toEqual([expect.stringContaining('it gets a minute')])
  })

  it('does not keep a connection that is closed meanwhile', async () => {
    const { address } = await startStub(({ apiKey }) =>
      apiKey === Api.heartbeat ? heartbeatAnswer(60_000) : undefined,
    )
    const client = clientOf([address])
    await client.connect()
    await client.heartbeat(1, member)
    const waiting = client.heartbeat(1, member)
    client.close()
    await expect(waiting).rejects.toMatchObject({ type: 'CLOSED' })
  })
})

describe('a broker that is gone from the metadata', () => {
  /** Two brokers, of which the second is in the metadata for as long as `there` says so. */
  const pair = async () => {
    const held: { answer?: () => void } = {}
    const state = { there: true, hold: false }
    const beats = ({ apiKey, socket }: StubRequest) => {
      if (apiKey !== Api.heartbeat) return undefined
      if (!state.hold) return heartbeatAnswer()
      held.answer = () => socket.write(framed(1, heartbeatAnswer().buffer))
      return null
    }
    const other = await startStub(beats)
    const stub = await startStub((request) => {
      if (request.apiKey !== Api.metadata) return beats(request)
      const both = [
        { nodeId: 1, port: stub.port },
        { nodeId: 2, port: other.port },
      ]
      return metadata(both.slice(0, state.there ? 2 : 1))
    })
    const client = clientOf([stub.address])
    await client.connect()
    return { client, stub, other, state, held }
  }

  it('loses its idle connection, and the others keep theirs', async () => {
    const { client, stub, other, state } = await pair()
    await client.heartbeat(2, member)
    await client.topics(['t'])
    expect(other.sockets.size).toBe(1)
    state.there = false
    await client.topics(['t'])
    await expect.poll(() => other.sockets.size).toBe(0)
    expect(stub.sockets.size).toBe(1)
  })

  it('stays known when the answer names no broker at all, or one without a host', async () => {
    let brokers = 0
    const nowhere = encoder().writeInt32(7).writeString(null).writeInt32(9092).writeString(null)
    const stub = await startStub(({ apiKey }) => {
      if (apiKey === Api.heartbeat) return heartbeatAnswer()
      if (apiKey === Api.findCoordinator)
        return encoder().writeInt32(0).writeInt16(0).writeString(null).writeInt32(7).writeString(null).writeInt32(9092)
      if (apiKey !== Api.metadata || brokers++ === 0) return undefined
      const named = brokers % 2 === 0 ? [] : [nowhere]
      return encoder().writeInt32(0).writeArray(named).writeString('cluster').writeInt32(1).writeArray([])
    })
    const client = clientOf([stub.address])
    await client.connect()
    for (let times = 0; times < 2; times++) {
      await client.topics(['t'])
      await client.heartbeat(1, member)
    }
    const coordinator = await client.findCoordinator('g')
    await expect(client.heartbeat(coordinator, member)).rejects.toMatchObject({ type: 'CONNECTION' })
  })

  it('is still heard when it has something to answer', async () => {
    const { client, other, state, held } = await pair()
    state.hold = true
    const beating = client.heartbeat(2, member)
    await expect.poll(() => held.answer).toBeDefined()
    state.there = false
    await client.topics(['t'])
    held.answer?.()
    await beating
    await expect.poll(() => other.sockets.size).toBe(0)
  })
})
