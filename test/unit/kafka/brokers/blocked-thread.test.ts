import { lookup } from 'node:dns'
import { once } from 'node:events'
import type { LookupFunction } from 'node:net'
import { Worker } from 'node:worker_threads'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { KafkaConfig } from '#src/config/resolved.js'
import { socketFactory } from '#src/kafka/brokers/open-socket.js'
import { PatientLookup } from '#src/kafka/brokers/patient-lookup.js'
import { createClient } from '#src/kafka/create-client.js'
import type { Membership } from '#src/kafka/group.js'
import { Authority } from '../../../support/cluster/authority.js'
import { kafkaConfig } from '../../../support/config/slot-config.js'
import { clientOf } from '../../../support/kafka/stub-broker.js'

const member: Membership = { groupId: 'g', generation: 1, memberId: 'm', instanceId: null }
const PLAIN = { mechanism: 'plain', username: 'u', password: 'p' }
const ONCE = { retries: 1, initialRetryTime: 1, maxRetryTime: 1 }

/** A broker in a thread of its own, which goes on while this one is blocked. */
const farBroker = async (data: { delayMs: number; silent?: boolean; tls?: object }): Promise<string> => {
  const worker = new Worker(new URL('../../../support/kafka/far-broker.mjs', import.meta.url), { workerData: data })
  onTestFinished(async () => void (await worker.terminate()))
  const [port] = await once(worker, 'message')
  return `localhost:${port}`
}

/** Blocks the thread again and again, as handlers do, with one round of the event loop in between, until that settles. */
const whileBlocked = async <T>(sliceMs: number, work: Promise<T>): Promise<T> => {
  let settled = false
  const end = () => {
    settled = true
  }
  work.then(end, end)
  while (!settled) {
    await new Promise((resolve) => setImmediate(resolve))
    if (!settled) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, sliceMs)
  }
  return work
}

describe('a thread that handlers block', () => {
  /** Connects, authenticates and asks for something, each within a time that is over before the next round of its loop. */
  const comesThrough = async (sliceMs: number, timeoutMs: number, more: Partial<KafkaConfig>, tls?: object) => {
    const address = await farBroker({ delayMs: 2, ...(tls && { tls }) })
    const times = { connectionTimeout: timeoutMs, requestTimeout: timeoutMs, authenticationTimeout: timeoutMs }
    const client = clientOf([address], { ...times, retry: ONCE, ...more })
    const work = async () => {
      await client.connect()
      for (let beat = 0; beat < 2; beat++) await client.heartbeat(1, member)
    }
    await whileBlocked(sliceMs, work())
  }

  // The last one is longer than anybody's grace of a second.
  it.each([
    [10, 8],
    [60, 10],
    [1_100, 100],
  ])(
    'for %i ms at a time connects, authenticates and gets its answers, though each may take %i ms',
    async (sliceMs, timeoutMs) => {
      await comesThrough(sliceMs, timeoutMs, { sasl: PLAIN })
    },
    60_000,
  )

  it.each(['TLSv1.2', 'TLSv1.3'])('comes through the handshake of %s', async (version) => {
    const authority = new Authority('the authority')
    const tls = { ...authority.issue('far', ['localhost']), minVersion: version, maxVersion: version }
    await comesThrough(60, 10, { ssl: { ca: authority.ca }, sasl: PLAIN }, tls)
  })

  it.each([false, true])('reaches a host though its last address leads nowhere (TLS: %s)', async (secure) => {
    const authority = new Authority('the authority')
    const tls = secure ? { tls: authority.issue('far', ['localhost']) } : {}
    const address = await farBroker({ delayMs: 2, ...tls })
    /** As of a broker with an IPv6 address, seen from a machine that has none. */
    const twoAddresses: LookupFunction = (host, options, callback) =>
      lookup(host, { ...options, all: true }, (error, found) =>
        callback(error, [...(found ?? []), { address: '127.0.0.2', family: 4 }]),
      )
    const client = createClient({
      clientId: 'test-00',
      kafka: kafkaConfig({
        brokers: [address],
        connectionTimeout: 1_000,
        ssl: secure ? { ca: authority.ca } : null,
        retry: { retries: 5, initialRetryTime: 1, maxRetryTime: 1 },
      }),
      log: { debug() {}, info() {}, warn() {}, error() {} },
      openSocket: socketFactory(new PatientLookup(twoAddresses)),
    })
    onTestFinished(() => client.close())
    // Longer than Node gives an address.
    await whileBlocked(300, client.connect())
  }, 60_000)

  it('is not kept for ever by a broker that says nothing', async () => {
    const address = await farBroker({ delayMs: 0, silent: true })
    const client = clientOf([address], { connectionTimeout: 20, retry: ONCE })
    const started = performance.now()
    const failed = whileBlocked(50, client.connect())
    await expect(failed).rejects.toMatchObject({ code: 'KCP_BROKER_UNREACHABLE' })
    expect(performance.now() - started).toBeLessThan(5_000)
  })
})
