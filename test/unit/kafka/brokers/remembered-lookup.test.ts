import { pbkdf2, pbkdf2Sync } from 'node:crypto'
import { lookup } from 'node:dns'
import { once } from 'node:events'
import { type AddressInfo, createServer, type LookupFunction } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { openSocket } from '#src/kafka/brokers/open-socket.js'
import { RememberedLookup } from '#src/kafka/brokers/remembered-lookup.js'

const ALL = { family: 0, hints: 0, all: true }

type Callback = Parameters<LookupFunction>[2]

/** A resolver that answers when the test says so, and what comes of asking through the memory. */
const world = () => {
  const questions: { host: string; callback: Callback }[] = []
  const remembered = new RememberedLookup((host, _, callback) => void questions.push({ host, callback }))
  const ask = (host: string, options: Parameters<LookupFunction>[1] = ALL) =>
    new Promise((resolve, reject) => {
      remembered.lookup(host, options, (error, found) => (error === null ? resolve(found) : reject(error)))
    })
  const found = (...addresses: string[]) =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  const answer = (...addresses: string[]) => questions.shift()?.callback(null, found(...addresses))
  const fail = (code: string) => questions.shift()?.callback(Object.assign(new Error(code), { code }), [])
  return { ask, answer, fail, found, questions }
}

const settled = (promise: Promise<unknown>) => {
  const state = { is: false }
  promise.then(
    () => (state.is = true),
    () => (state.is = true),
  )
  return state
}

describe('the addresses of a host', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('are the last known ones where the resolver does not answer in time, and its late answer counts the next time', async () => {
    vi.useFakeTimers()
    const { ask, answer, found, questions } = world()
    const first = ask('broker')
    answer('10.0.0.1', 'fd00::1')
    await expect(first).resolves.toEqual(found('10.0.0.1', 'fd00::1'))
    const late = ask('broker')
    await vi.advanceTimersByTimeAsync(300)
    await expect(late).resolves.toEqual(found('10.0.0.1', 'fd00::1'))
    // The question stays; nobody asks twice.
    const again = ask('broker')
    expect(questions).toHaveLength(1)
    answer('10.0.0.2')
    await expect(again).resolves.toEqual(found('10.0.0.2'))
    const after = ask('broker')
    await vi.advanceTimersByTimeAsync(300)
    await expect(after).resolves.toEqual(found('10.0.0.2'))
    expect(vi.getTimerCount()).toBe(0)
  })

  it('are those of now where the resolver answers: a pod that has a new IP is found at once', async () => {
    const { ask, answer, found } = world()
    const first = ask('pod')
    answer('10.0.0.1')
    await first
    const second = ask('pod')
    answer('10.0.0.2')
    await expect(second).resolves.toEqual(found('10.0.0.2'))
  })

  it('are waited for when none are known', async () => {
    vi.useFakeTimers()
    const { ask, answer, found } = world()
    const first = ask('broker')
    const state = settled(first)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(state.is).toBe(false)
    answer('10.0.0.1')
    await expect(first).resolves.toEqual(found('10.0.0.1'))
  })

  it('are the last known ones where the resolver cannot answer, and gone when it knows of none', async () => {
    const { ask, answer, fail, found } = world()
    const first = ask('broker')
    answer('10.0.0.1')
    await first
    const failing = ask('broker')
    fail('EAI_AGAIN')
    await expect(failing).resolves.toEqual(found('10.0.0.1'))
    const gone = ask('broker')
    fail('ENOTFOUND')
    await expect(gone).rejects.toMatchObject({ code: 'ENOTFOUND' })
    const stillGone = ask('broker')
    fail('EAI_AGAIN')
    await expect(stillGone).rejects.toMatchObject({ code: 'EAI_AGAIN' })
  })

  it('are kept apart by family, and not for more than a thousand hosts', async () => {
    vi.useFakeTimers()
    const { ask, answer, found, questions } = world()
    for (let host = 0; host <= 1_000; host++) {
      const known = ask(`host-${host}`)
      answer('10.0.0.1')
      await known
    }
    const forgotten = settled(ask('host-0'))
    const otherFamily = settled(ask('host-1000', { family: 6 }))
    const kept = ask('host-1000')
    await vi.advanceTimersByTimeAsync(300)
    await expect(kept).resolves.toEqual(found('10.0.0.1'))
    expect([forgotten.is, otherFamily.is]).toEqual([false, false])
    expect(questions).toHaveLength(3)
  })
})

it('a connection to a known host does not wait for the threads that native work keeps busy', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).resume())
  server.listen(0, 'localhost')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const connected = async () => {
    const socket = openSocket({ host: 'localhost', port, ssl: null, onConnect: () => {} })
    await once(socket, 'connect')
    socket.destroy()
  }
  await connected()
  // As a handler with crypto.scrypt and a high concurrency does: each half a second or more, on any machine.
  const beganMs = performance.now()
  pbkdf2Sync('password', 'salt', 20_000, 32, 'sha512')
  const rounds = Math.ceil((20_000 * 500) / (performance.now() - beganMs))
  const order: string[] = []
  const work = Promise.all(
    Array.from({ length: 8 }, () =>
      promisify(pbkdf2)('password', 'salt', rounds, 32, 'sha512').then(() => order.push('work')),
    ),
  )
  const named = promisify(lookup)('localhost').then(() => order.push('resolved'))
  await connected()
  order.push('connected')
  await Promise.all([work, named])
  expect(order.indexOf('connected')).toBeLessThan(order.indexOf('resolved'))
})
