import { afterEach, describe, expect, it, vi } from 'vitest'
import { type Address, parseAddress } from '#src/kafka/brokers/address.js'
import { firstReached } from '#src/kafka/brokers/first-reached.js'
import type { Membership } from '#src/kafka/group.js'
import { Api, clientOf, encoder, metadata, type StubRequest, startStub } from '../../../support/kafka/stub-broker.js'

const member: Membership = { groupId: 'g', generation: 1, memberId: 'm', instanceId: null }

const coordinatorIs = (nodeId: number, port: number) =>
  encoder().writeInt32(0).writeInt16(0).writeString(null).writeInt32(nodeId).writeString('127.0.0.1').writeInt32(port)

describe('a broker that has gone silent', () => {
  it('is asked last, although it stands first in the metadata and in the configuration', async () => {
    let isSilent = false
    const brokers: { nodeId: number; port: number }[] = []
    const answer = ({ apiKey }: StubRequest) => {
      if (apiKey === Api.metadata) return metadata(brokers)
      if (apiKey === Api.findCoordinator) return coordinatorIs(2, brokers[1]?.port ?? 0)
      return undefined
    }
    const silent = await startStub((request) => (isSilent ? null : answer(request)))
    const other = await startStub(answer)
    brokers.push({ nodeId: 1, port: silent.port }, { nodeId: 2, port: other.port })
    const client = clientOf([silent.address, other.address], { connectionTimeout: 20_000, requestTimeout: 50 })
    await client.connect()
    isSilent = true
    await expect(client.heartbeat(1, member)).rejects.toMatchObject({ type: 'REQUEST_TIMED_OUT' })
    const asked = silent.requests.length
    await expect(client.findCoordinator('g')).resolves.toBe(2)
    expect(silent.requests.length).toBe(asked)
  })

  it('is passed over while it owes an answer, long before that times out', async () => {
    let isSilent = false
    const brokers: { nodeId: number; port: number }[] = []
    const answer = ({ apiKey }: StubRequest) => (apiKey === Api.metadata ? metadata(brokers) : undefined)
    const silent = await startStub((request) => (isSilent ? null : answer(request)))
    const other = await startStub(answer)
    brokers.push({ nodeId: 1, port: silent.port }, { nodeId: 2, port: other.port })
    const client = clientOf([silent.address, other.address], { requestTimeout: 60_000 })
    await client.connect()
    isSilent = true
    const owed = client.heartbeat(1, member).catch(() => 'never')
    const asked = () => other.requests.filter(({ apiKey }) => apiKey === Api.metadata).length
    await vi.waitFor(
      () => {
        void client.topics(['t']).catch(() => {})
        expect(asked()).toBeGreaterThan(0)
      },
      { timeout: 10_000, interval: 200 },
    )
    client.close()
    await expect(owed).resolves.toBe('never')
  })

  it('is not waited for alone: after a second another one is asked the same', async () => {
    let isSilent = false
    const brokers: { nodeId: number; port: number }[] = []
    const answer = ({ apiKey }: StubRequest) => {
      if (apiKey === Api.metadata) return metadata(brokers)
      if (apiKey === Api.findCoordinator) return coordinatorIs(2, brokers[1]?.port ?? 0)
      return undefined
    }
    const silent = await startStub((request) => (isSilent ? null : answer(request)))
    const other = await startStub(answer)
    brokers.push({ nodeId: 1, port: silent.port }, { nodeId: 2, port: other.port })
    const client = clientOf([silent.address, other.address], { connectionTimeout: 20_000, requestTimeout: 60_000 })
    await client.connect()
    isSilent = true
    const beganAtMs = performance.now()
    await expect(Promise.all([client.findCoordinator('g'), client.topics(['t'])])).resolves.toMatchObject([2, [{}]])
    expect(performance.now() - beganAtMs).toBeLessThan(10_000)
    const asked = silent.requests.filter(({ apiKey }) => apiKey === Api.findCoordinator)
    expect(asked).toHaveLength(1)
  })

  it('is waited for no longer than it is said, and reached anew after that, when there is nobody else to ask', async () => {
    const sockets = new Set<unknown>()
    const stub = await startStub(({ apiKey, socket }) => {
      if (apiKey !== Api.findCoordinator) return undefined
      sockets.add(socket)
      return sockets.size === 1 ? null : coordinatorIs(1, stub.port)
    })
    const client = clientOf([stub.address], { requestTimeout: 60_000 })
    await client.connect()
    await expect(client.findCoordinator('g', { atMostMs: 50 })).rejects.toMatchObject({ isSilence: true })
    await expect(client.findCoordinator('g', { atMostMs: 5_000 })).resolves.toBe(1)
    expect(sockets.size).toBe(2)
  })

  it('is not asked for its own address when there is nobody else to ask', async () => {
    let isSilent = false
    const stub = await startStub(() => (isSilent ? null : undefined))
    const client = clientOf([stub.address], { connectionTimeout: 50, requestTimeout: 50 })
    await client.connect()
    isSilent = true
    await expect(client.heartbeat(1, member)).rejects.toMatchObject({ unanswered: true })
    const asked = stub.requests.length
    await expect(client.heartbeat(1, member)).rejects.toMatchObject({ unanswered: true })
    expect(stub.requests.length).toBe(asked + 1)
  })
})

describe('what any broker knows', () => {
  type Answer = (request: StubRequest) => ReturnType<typeof coordinatorIs> | null
  const isItself: Answer = ({ socket }) => coordinatorIs(2, socket.localPort ?? 0)

  /** Two brokers, of which the first says this when it is asked for a coordinator, and the second that, or that it is itself. */
  const two = async (answer: Answer, other: Answer = isItself) => {
    const brokers: { nodeId: number; port: number }[] = []
    const byDefault = ({ apiKey }: StubRequest) => (apiKey === Api.metadata ? metadata(brokers) : undefined)
    const isAsked = ({ apiKey }: StubRequest) => apiKey === Api.findCoordinator
    const first = await startStub((request) => (isAsked(request) ? answer(request) : byDefault(request)))
    const second = await startStub((request) => (isAsked(request) ? other(request) : byDefault(request)))
    brokers.push({ nodeId: 1, port: first.port }, { nodeId: 2, port: second.port })
    const client = clientOf([first.address, second.address], { connectionTimeout: 20_000, requestTimeout: 20_000 })
    await client.connect()
    return { client, asked: () => [first, second].map(({ requests }) => requests.filter(isAsked).length) }
  }

  it('is asked of the next one at once when a connection breaks', async () => {
    const { client, asked } = await two(({ socket }) => {
      socket.destroy()
      return null
    })
    await expect(client.findCoordinator('g')).resolves.toBe(2)
    expect(asked()).toEqual([1, 1])
  })

  it('is said to have met silence when one broke the connection and another one only did not answer', async () => {
    const { client, asked } = await two(
      ({ socket }) => {
        socket.destroy()
        return null
      },
      () => null,
    )
    await expect(client.findCoordinator('g', { atMostMs: 50 })).rejects.toMatchObject({ isSilence: true })
    expect(asked()).toEqual([1, 1])
  })

  it('is asked of nobody else when one has refused to say it', async () => {
    const { client, asked } = await two(() =>
      encoder().writeInt32(0).writeInt16(30).writeString(null).writeInt32(-1).writeString('').writeInt32(-1),
    )
    await expect(client.findCoordinator('g')).rejects.toMatchObject({ type: 'GROUP_AUTHORIZATION_FAILED' })
    expect(asked()).toEqual([1, 0])
  })
})

describe('of several addresses', () => {
  const addresses = ['a:1', 'b:2', 'c:3'].map(parseAddress)
  const never = () => new Promise<string>(() => {})

  afterEach(() => {
    vi.useRealTimers()
  })

  it('a silent one is waited for alone for a second, and the first that answers counts', async () => {
    vi.useFakeTimers()
    const asked: string[] = []
    const reached = firstReached(
      addresses,
      ({ host }) => {
        asked.push(host)
        return host === 'b' ? new Promise<string>((resolve) => setTimeout(() => resolve(host), 1_500)) : never()
      },
      () => {},
    )
    await vi.advanceTimersByTimeAsync(900)
    expect(asked).toEqual(['a'])
    await vi.advanceTimersByTimeAsync(200)
    expect(asked).toEqual(['a', 'b'])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(asked).toEqual(['a', 'b', 'c'])
    await vi.advanceTimersByTimeAsync(1_000)
    await expect(reached).resolves.toBe('b')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('the next one is asked at once when one fails, and nothing is found when all have', async () => {
    const failures: string[] = []
    const attempt = ({ host }: Address) => Promise.reject(new Error(host))
    const note = (_: Address, error: unknown) => void failures.push((error as Error).message)
    await expect(firstReached(addresses, attempt, note)).resolves.toBeUndefined()
    expect(failures).toEqual(['a', 'b', 'c'])
    await expect(firstReached([], attempt, note)).resolves.toBeUndefined()
  })

  it('none is asked any more when a failure ends the search', async () => {
    const attempt = vi.fn((_: Address) => Promise.reject(new Error('no')))
    const isFinal = (_: Address, error: unknown) => {
      throw error
    }
    await expect(firstReached(addresses, attempt, isFinal)).rejects.toThrow('no')
    expect(attempt).toHaveBeenCalledTimes(1)
  })
})
