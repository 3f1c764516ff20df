import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createTlsServer } from 'node:tls'
import { describe, expect, it } from 'vitest'
import type { KafkaConfig } from '#src/config/resolved.js'
import type { Membership } from '#src/kafka/group.js'
import { KafkaError } from '#src/kafka/kafka-error.js'
import type { ClusterView } from '#src/kafka/metadata.js'
import {
  Api,
  apiVersions,
  clientOf,
  encoder,
  framed,
  MODERN,
  metadata,
  type StubRequest,
  serve,
  startStub,
} from '../../support/kafka/stub-broker.js'

const member: Membership = { groupId: 'g', generation: 1, memberId: 'm', instanceId: null }

const heartbeatAnswer = (errorCode: number) => encoder().writeInt32(0).writeInt16(errorCode)

const fetchOne = {
  maxWaitMs: 10_000,
  minBytes: 1,
  maxBytes: 1_000,
  maxDecompressedBytes: 1_000_000,
  readUncommitted: false,
  rackId: null,
  partitions: [{ topic: 't', partition: 0, offset: 0, maxBytes: 1_000 }],
}

const blockThread = (ms: number) => {
  for (const until = performance.now() + ms; performance.now() < until; );
}

describe('connect', () => {
  const failure = async (brokers: readonly string[], more: Partial<KafkaConfig> = {}) => {
    const started = performance.now()
    const error = await clientOf(brokers, more)
      .connect()
      .then(
        () => undefined,
        (reason: Error) => reason,
      )
    return { error, tookMs: performance.now() - started }
  }

  it('names every address with its reason, after as many retries as it may make', async () => {
    const closed = await startStub()
    await closed.stop()
    const { error } = await failure([closed.address, 'no-such-host.invalid:9092'])
    expect(error).toMatchObject({ code: 'KCP_BROKER_UNREACHABLE' })
    expect(error?.message).toContain(`${closed.address} — `)
    expect(error?.message).toMatch(/ECONNREFUSED/)
    expect(error?.message).toMatch(/no-such-host\.invalid:9092 — .*(ENOTFOUND|EAI_AGAIN|no answer)/)
    expect(error?.message).toContain('trying 6 times (retry.retries is 5)')
  })

  it('says that an HTTP server answers', async () => {
    const server = createHttpServer()
    const { address } = await serve(() => {}, server)
    const { error, tookMs } = await failure([address])
    expect(error).toMatchObject({ code: 'KCP_BROKER_UNREACHABLE' })
    expect(error?.message).toContain('an HTTP server answers there')
    expect(tookMs).toBeLessThan(1_000)
  })

  it('says what a server of another kind says', async () => {
    const { address } = await serve((socket) => void socket.write('SSH-2.0-OpenSSH_9.2\r\n'))
    expect((await failure([address])).error?.message).toContain('it says "SSH-2.0-OpenSSH_9.2')
  })

  it('gives up on a server that never answers', async () => {
    const { address, sockets } = await serve((socket) => void socket.resume())
    const { error } = await failure([address])
    expect(error).toMatchObject({ code: 'KCP_BROKER_UNREACHABLE' })
    expect(error?.message).toContain('ApiVersions')
    expect(error?.message).toContain('no answer within')
    await expect.poll(() => sockets.size).toBe(0)
  })

  it('gives up on a server that closes at once', async () => {
    const { address } = await serve((socket) => void socket.end())
    expect((await failure([address])).error?.message).toMatch(/was closed by the other side.*is it a Kafka broker/)
  })

  it('says so when the listener wants TLS, whether it sends an alert or just closes', async () => {
    const alert = Buffer.from([0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50])
    const alerting = await serve((socket) => void socket.end(alert))
    expect((await failure([alerting.address])).error?.message).toContain(
      'the listener speaks TLS, and option ssl is not set',
    )
    const closing = await serve(() => {}, createTlsServer())
    expect((await failure([closing.address])).error?.message).toMatch(
      /is it a Kafka broker, and one that wants no TLS\?/,
    )
  })

  it('says so when the listener does not speak TLS', async () => {
    const { address } = await serve((socket) => void socket.once('data', () => socket.end()))
    expect((await failure([address], { ssl: true })).error?.message).toContain('does the listener speak TLS?')
  })

  it('is refused at once when the certificate that it should use is none', async () => {
    const { address } = await startStub()
    const { error, tookMs } = await failure([address], { ssl: { cert: 'no certificate', key: 'no key' } })
    expect(error).toMatchObject({ code: 'KCP_CONFIG_INVALID' })
    expect(error?.message).toContain('option ssl cannot be used: ')
    expect(tookMs).toBeLessThan(400)
  })

  it('finds the one broker of several that answers', async () => {
    const dead = await startStub()
    await dead.stop()
    const { address } = await startStub()
    expect((await failure([dead.address, address])).error).toBeUndefined()
  })

  it('keeps trying while a broker starts', async () => {
    let asked = 0
    const { address } = await startStub(({ socket }) => {
      if (asked++ < 2) socket.destroy()
      return undefined
    })
    expect((await failure([address])).error).toBeUndefined()
  })

  const withSasl = (errorCode: number, authBytes = '') =>
    startStub(({ apiKey }) => {
      if (apiKey === Api.saslHandshake) return encoder().writeInt16(0).writeArray(['PLAIN', 'OAUTHBEARER'])
      if (apiKey !== Api.saslAuthenticate) return undefined
      return encoder()
        .writeInt16(errorCode)
        .writeString('bad credentials')
        .writeBytes(Buffer.from(authBytes))
        .writeInt64(0)
    })
  const sasl = { mechanism: 'plain', username: 'u', password: 'hunter2' }

  it('authenticates', async () => {
    const { address } = await withSasl(0)
    expect((await failure([address], { sasl: Object.freeze(sasl) })).error).toBeUndefined()
  })

  it('is refused at once when authentication fails, without telling the password', async () => {
    const { address, requests } = await withSasl(58)
    const { error, tookMs } = await failure([address], { sasl })
    expect(error).toMatchObject({ code: 'KCP_BROKER_REFUSED' })
    expect(error?.message).toContain('bad credentials')
    expect(JSON.stringify([error?.message, error?.stack])).not.toContain('hunter2')
    expect(requests.filter(({ apiKey }) => apiKey === Api.saslAuthenticate)).toHaveLength(1)
    expect(tookMs).toBeLessThan(400)
  })

  const token = {
    mechanism: 'oauthbearer',
    oauthBearerProvider: 'data:text/javascript,export default async () => ({ value: "hunter2" })',
  }

  it('authenticates with a token', async () => {
    const { address } = await withSasl(0)
    expect((await failure([address], { sasl: token })).error).toBeUndefined()
  })

  it('is refused at once when a token is refused, which an answer without an error code says', async () => {
    const { address, requests } = await withSasl(0, '{"status":"invalid_token"}')
    const { error } = await failure([address], { sasl: token })
    expect(error).toMatchObject({ code: 'KCP_BROKER_REFUSED' })
    expect(error?.message).toContain('the broker says {"status":"invalid_token"}')
    expect(requests.filter(({ apiKey }) => apiKey === Api.metadata)).toEqual([])
  })

  it('is refused when the mechanism is not known there', async () => {
    const { address } = await startStub(({ apiKey }) =>
      apiKey === Api.saslHandshake ? encoder().writeInt16(33).writeArray(['SCRAM-SHA-256']) : undefined,
    )
    const { error } = await failure([address], { sasl })
    expect(error).toMatchObject({ code: 'KCP_BROKER_REFUSED' })
    expect(error?.message).toContain('UNSUPPORTED_SASL_MECHANISM')
  })

  it('gives a hint when the listener closes the connection because it wants SASL', async () => {
    const { address } = await startStub(({ apiKey, socket }) => {
      if (apiKey === Api.metadata) socket.end()
      return apiKey === Api.metadata ? null : undefined
    })
    expect((await failure([address])).error?.message).toMatch(/does the listener want SASL\?/)
  })

  it('refuses a broker that is too old', async () => {
    const { address } = await startStub(({ apiKey }) =>
      apiKey === Api.apiVersions ? apiVersions({ ...MODERN, 1: 3 }) : undefined,
    )
    expect((await failure([address])).error).toMatchObject({ code: 'KCP_BROKER_TOO_OLD' })
  })

  it.each([
    [42, 'KCP_BROKER_REFUSED', /ApiVersions at .* answered with INVALID_REQUEST \(42\).*broker's log/],
    [7, 'KCP_BROKER_UNREACHABLE', /ApiVersions at .* answered with REQUEST_TIMED_OUT \(7\)/],
  ])('says what a broker answers that does not tell its versions (%i)', async (errorCode, code, message) => {
    const { address } = await startStub(({ apiKey }) =>
      apiKey === Api.apiVersions ? encoder().writeInt16(errorCode).writeArray([]).writeInt32(0) : undefined,
    )
    expect((await failure([address])).error).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it('ends at once when the connection is closed', async () => {
    const { address } = await serve((socket) => void socket.resume())
    const client = clientOf([address], { connectionTimeout: 10_000 })
    const connecting = client.connect()
    setImmediate(() => client.close())
    await expect(connecting).rejects.toMatchObject({ type: 'CLOSED' })
    await expect(client.connect()).rejects.toMatchObject({ type: 'CLOSED' })
  })
})

describe('connect with a view of the cluster', () => {
  /** Node n leads partition n. */
  const viewOf = (...ports: number[]): ClusterView => ({
    brokers: ports.map((port, node) => ({ nodeId: node, host: '127.0.0.1', port })),
    topics: [{ topic: 't', error: null, partitions: ports.map((_, node) => ({ partition: node, leader: node })) }],
  })

  it('asks a leader for its versions and nothing else, and fetches over the same socket', async () => {
    const bystander = await startStub()
    const stub = await startStub()
    const view = viewOf(stub.port, bystander.port)
    const onlyFirst = {
      ...view,
      topics: view.topics.map((topic) => ({ ...topic, partitions: [{ partition: 0, leader: 0 }] })),
    }
    const client = clientOf([bystander.address], {}, onlyFirst)
    await client.connect()
    expect(stub.requests.map(({ apiKey }) => apiKey)).toEqual([Api.apiVersions])
    void client.fetch(0, fetchOne).catch(() => {})
    await expect.poll(() => stub.requests.map(({ apiKey }) => apiKey)).toEqual([Api.apiVersions, Api.fetch])
    expect(stub.sockets.size).toBe(1)
    expect(bystander.requests).toEqual([])
  })

  it('is content with one leader that is there', async () => {
    const gone = await startStub()
    await gone.stop()
    const stub = await startStub()
    const client = clientOf([gone.address], {}, viewOf(gone.port, stub.port))
    await client.connect()
    expect(stub.requests.map(({ apiKey }) => apiKey)).toEqual([Api.apiVersions])
  })

  it('begins anew with the configured brokers when the view is out of date', async () => {
    const gone = await startStub()
    await gone.stop()
    const stub = await startStub()
    const client = clientOf([stub.address], {}, viewOf(gone.port))
    await client.connect()
    expect(client.view([]).brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: stub.port }])
  })

  it('gives a view that another connection can begin with', async () => {
    const stub = await startStub()
    const client = clientOf([stub.address])
    expect(client.view(['t'])).toEqual({ brokers: [], topics: [] })
    await client.connect()
    const [topic] = await client.topics(['t'])
    expect(client.view(['t', 'u'])).toEqual({
      brokers: [{ nodeId: 1, host: '127.0.0.1', port: stub.port }],
      topics: [topic],
    })
  })
})

describe('a request', () => {
  const connected = async (
    answer: (request: StubRequest) => ReturnType<Parameters<typeof startStub>[0] & object>,
    more = {},
  ) => {
    const stub = await startStub(answer)
    const client = clientOf([stub.address], more)
    await client.connect()
    return { stub, client }
  }

  const commitAnswer = (...errorCodes: number[]) => {
    const partitions = errorCodes.map((code, partition) => encoder().writeInt32(partition).writeInt16(code))
    return encoder()
      .writeInt32(0)
      .writeArray([encoder().writeString('t').writeArray(partitions)])
  }
  const offsets = [0, 1].map((partition) => ({ topic: 't', partition, offset: 5n }))

  it.each([
    15, 16,
  ])('to commit rejects when the node is no coordinator (%i), which every partition says', async (code) => {
    const { client } = await connected(({ apiKey }) =>
      apiKey === Api.offsetCommit ? commitAnswer(code, code) : undefined,
    )
    const refused = await client.commitOffsets(1, member, offsets).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(KafkaError)
    expect(refused).toMatchObject({ code })
  })

  it('to commit resolves with the partitions that were refused', async () => {
    const { client } = await connected(({ apiKey }) => (apiKey === Api.offsetCommit ? commitAnswer(0, 29) : undefined))
    expect(await client.commitOffsets(1, member, offsets)).toMatchObject([{ partition: 1, error: { code: 29 } }])
  })

  it('carries the client id', async () => {
    const { stub } = await connected(() => undefined)
    expect(new Set(stub.requests.map(({ clientId }) => clientId))).toEqual(new Set(['test-00']))
  })

  it('rejects with the broker’s code, also one that kafkajs does not know', async () => {
    let code = 27
    const { client } = await connected(({ apiKey }) => (apiKey === Api.heartbeat ? heartbeatAnswer(code) : undefined))
    await expect(client.heartbeat(1, member)).rejects.toMatchObject({ type: 'REBALANCE_IN_PROGRESS', code: 27 })
    code = 110
    await expect(client.heartbeat(1, member)).rejects.toMatchObject({
      type: 'ERROR_CODE_110',
      code: 110,
      retriable: false,
    })
    await expect(client.heartbeat(1, member)).rejects.toBeInstanceOf(KafkaError)
  })

  it('times out when no answer comes, and the next one goes over a new connection', async () => {
    let mute = true
    const { stub, client } = await connected(
      ({ apiKey }) => (apiKey !== Api.heartbeat ? undefined : mute ? null : heartbeatAnswer(0)),
      { requestTimeout: 50 },
    )
    await expect(client.heartbeat(1, member)).rejects.toMatchObject({ type: 'REQUEST_TIMED_OUT', retriable: true })
    mute = false
    await client.heartbeat(1, member)
    const [first, second] = stub.requests.filter(({ apiKey }) => apiKey === Api.heartbeat)
    expect(first?.socket).not.toBe(second?.socket)
    await expect.poll(() => first?.socket.destroyed).toBe(true)
  })

  it('waits for what a group has committed no longer than it is told', async () => {
    const offsetFetch = 9
    const { client } = await connected(({ apiKey }) => (apiKey === offsetFetch ? null : undefined))
    const beganAtMs = performance.now()
    const asked = client.committedOffsets(1, 'g', [{ topic: 't', partition: 0 }], { atMostMs: 50 })
    await expect(asked).rejects.toMatchObject({ type: 'REQUEST_TIMED_OUT' })
    expect(performance.now() - beganAtMs).toBeLessThan(5_000)
  })

  it('waits for an answer to a commit no longer than it is told', async () => {
    const { client } = await connected(({ apiKey }) => (apiKey === Api.offsetCommit ? null : undefined))
    const beganAtMs = performance.now()
    const asked = client.commitOffsets(1, member, [{ topic: 't', partition: 0, offset: 1n }], { atMostMs: 50 })
    await expect(asked).rejects.toMatchObject({ type: 'REQUEST_TIMED_OUT' })
    expect(performance.now() - beganAtMs).toBeLessThan(5_000)
  })

  it('waits for metadata no longer than it is told', async () => {
    let mute = false
    const { client } = await connected(({ apiKey }) => (mute && apiKey === Api.metadata ? null : undefined))
    mute = true
    await expect(client.topics(['t'], { atMostMs: 50 })).rejects.toMatchObject({ type: 'REQUEST_TIMED_OUT' })
  })

  it('waits for where a log begins or ends no longer than it is told', async () => {
    let mute = false
    const { client } = await connected(({ apiKey }) => (mute && apiKey === Api.metadata ? null : undefined))
    mute = true
    const how = { readUncommitted: false, atMostMs: 50 }
    const asked = client.listOffsets([{ topic: 't', partition: 0 }], 'latest', how)
    await expect(asked).rejects.toMatchObject({ type: 'REQUEST_TIMED_OUT' })
  })

  it('does not time out when the answer arrived while the thread was blocked', async () => {
    const { client } = await connected(
      ({ apiKey, socket }) => {
        if (apiKey !== Api.heartbeat) return undefined
        // The answer is in the client's socket before the thread, which both share, is blocked beyond the timeout.
        socket.write(framed(2, heartbeatAnswer(0).buffer))
        blockThread(150)
        return null
      },
      { requestTimeout: 50 },
    )
    await client.heartbeat(1, member)
  })

  it('is not confused by half an answer of the connection before', async () => {
    let broken = false
    const { client } = await connected(({ apiKey, socket }) => {
      if (apiKey !== Api.heartbeat) return undefined
      if (broken) return heartbeatAnswer(0)
      broken = true
      socket.end(framed(2, heartbeatAnswer(0).buffer).subarray(0, 9))
      return null
    })
    await expect(client.heartbeat(1, member)).rejects.toMatchObject({ type: 'CONNECTION', unanswered: true })
    await client.heartbeat(1, member)
  })

  it('finds a node that was not known before', async () => {
    const other = await startStub(({ apiKey }) => (apiKey === Api.heartbeat ? heartbeatAnswer(0) : undefined))
    let grown = false
    const { stub, client } = await connected(({ apiKey }) => {
      if (apiKey !== Api.metadata || !grown) return undefined
      return metadata([
        { nodeId: 1, port: stub.port },
        { nodeId: 2, port: other.port },
      ])
    })
    await expect(client.heartbeat(2, member)).rejects.toThrow(
      'broker 2 is not in the metadata of the cluster, which has 1',
    )
    grown = true
    await client.heartbeat(2, member)
    expect(other.requests.some(({ apiKey }) => apiKey === Api.heartbeat)).toBe(true)
  })

  it('follows a node to its new address', async () => {
    const heartbeats = ({ apiKey }: StubRequest) => (apiKey === Api.heartbeat ? heartbeatAnswer(0) : undefined)
    const [before, after] = await Promise.all([startStub(heartbeats), startStub(heartbeats)])
    let port = before.port
    const { client } = await connected(({ apiKey }) =>
      apiKey === Api.metadata ? metadata([{ nodeId: 7, port }]) : undefined,
    )
    port = after.port
    await before.stop()
    await client.heartbeat(7, member)
    expect(after.requests.some(({ apiKey }) => apiKey === Api.heartbeat)).toBe(true)
  })

  it('does not wait behind a fetch that the broker holds', async () => {
    const { client } = await connected(({ apiKey }) => (apiKey === Api.heartbeat ? heartbeatAnswer(0) : undefined))
    const fetching = client.fetch(1, fetchOne)
    await client.heartbeat(1, member)
    client.close()
    await expect(fetching).rejects.toMatchObject({ type: 'CLOSED' })
  })

  it('of a static member is not sent to a broker that would ignore the instance id', async () => {
    const { stub, client } = await connected(({ apiKey }) =>
      apiKey === Api.apiVersions ? apiVersions({ ...MODERN, 11: 4, 12: 2 }) : undefined,
    )
    expect(client.supportsStaticMembership).toBe(false)
    await expect(client.heartbeat(1, { ...member, instanceId: 'i' })).rejects.toMatchObject({
      type: 'UNSUPPORTED_VERSION',
      code: 35,
    })
    expect(stub.requests.some(({ apiKey }) => apiKey === Api.heartbeat)).toBe(false)
  })

  it('at the same time as others opens one connection, not several', async () => {
    const { stub, client } = await connected(({ apiKey }) =>
      apiKey === Api.heartbeat ? heartbeatAnswer(0) : undefined,
    )
    for (const socket of stub.sockets) socket.destroy()
    await expect.poll(() => stub.sockets.size).toBe(0)
    const types = () =>
      Promise.all(
        [1, 2, 3].map(() =>
          client.heartbeat(1, member).then(
            () => 'ok',
            (e) => e.type,
          ),
        ),
      )
    await expect.poll(types).toEqual(['ok', 'ok', 'ok'])
    expect(stub.sockets.size).toBe(1)
  })
})

describe('an idle connection', () => {
  it('runs no timer', async () => {
    const stub = await startStub(({ apiKey }) => (apiKey === Api.heartbeat ? heartbeatAnswer(0) : undefined))
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const before = timers()
    const client = clientOf([stub.address])
    await client.connect()
    await client.heartbeat(1, member)
    expect(timers()).toBeLessThanOrEqual(before)
  })
})

describe('close', () => {
  it('rejects what is pending, ends every socket and leaves no timer', async () => {
    const stub = await startStub(({ apiKey }) => (apiKey === Api.heartbeat || apiKey === Api.fetch ? null : undefined))
    const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    const client = clientOf([stub.address])
    await client.connect()
    const pending = [client.heartbeat(1, member), client.fetch(1, fetchOne)]
    await expect
      .poll(() => stub.requests.filter(({ apiKey }) => apiKey === Api.heartbeat || apiKey === Api.fetch).length)
      .toBe(2)
    const closed = [...stub.sockets].map((socket) => once(socket, 'close'))
    client.close()
    client.close()
    for (const request of pending) await expect(request).rejects.toMatchObject({ type: 'CLOSED', retriable: false })
    await expect(client.topics(['t'])).rejects.toMatchObject({ type: 'CLOSED' })
    await Promise.all(closed)
    expect(process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length).toBeLessThanOrEqual(before)
  })
})
