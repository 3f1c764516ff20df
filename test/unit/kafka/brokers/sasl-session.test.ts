import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { KafkaConfig } from '#src/config/resolved.js'
import { renewalAfterMs } from '#src/kafka/brokers/sasl-session.js'
import type { Membership } from '#src/kafka/group.js'
import {
  Api,
  apiVersions,
  clientOf,
  encoder,
  framed,
  MODERN,
  type StubRequest,
  startStub,
} from '../../../support/kafka/stub-broker.js'

const member: Membership = { groupId: 'g', generation: 1, memberId: 'm', instanceId: null }
const PLAIN = { mechanism: 'plain', username: 'u', password: 'hunter2' }
/** What the renewals of sessions in these tests are about: they are due within little more than a second. */
const SHORT_MS = 1_100

const handshake = () => encoder().writeInt16(0).writeArray(['PLAIN', 'OURS'])
const authenticated = (lifetimeMs: number, errorCode = 0, said: Buffer = Buffer.alloc(0)) =>
  encoder()
    .writeInt16(errorCode)
    .writeString(errorCode === 0 ? null : 'bad credentials')
    .writeBytes(said)
    .writeInt64(lifetimeMs)
const heartbeatAnswer = () => encoder().writeInt32(0).writeInt16(0)

const NAMES: Readonly<Record<number, string>> = {
  [Api.saslHandshake]: 'handshake',
  [Api.saslAuthenticate]: 'authenticate',
  [Api.heartbeat]: 'heartbeat',
}

/** A broker that wants to know who is there, and what it was asked since the start. */
const secured = async (
  lifetimeMs: number,
  answer: (request: StubRequest) => ReturnType<Parameters<typeof startStub>[0] & object> = () => undefined,
  more: Partial<KafkaConfig> = {},
) => {
  const stub = await startStub((request) => {
    const said = answer(request)
    if (said !== undefined) return said
    if (request.apiKey === Api.saslHandshake) return handshake()
    if (request.apiKey === Api.saslAuthenticate) return authenticated(lifetimeMs)
    return request.apiKey === Api.heartbeat ? heartbeatAnswer() : undefined
  })
  const client = clientOf([stub.address], { sasl: PLAIN, ...more })
  await client.connect()
  const before = stub.requests.length
  const asked = () => stub.requests.slice(before).map(({ apiKey }) => NAMES[apiKey] ?? `api ${apiKey}`)
  return { stub, client, asked }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const untilDue = () => sleep(SHORT_MS)

describe('a session', () => {
  it('is renewed when 85 to 95 % of it are over, as long before its end as is wished, but not within a second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_300, max: 1e9 }), fc.nat(1e6), (lifetimeMs, leftMs) => {
        const share = renewalAfterMs(lifetimeMs, leftMs) / lifetimeMs
        expect(share).toBeGreaterThanOrEqual(0.8499)
        expect(share).toBeLessThanOrEqual(0.9501)
      }),
    )
    expect(renewalAfterMs(100_000, 10_000)).toBe(90_000)
    expect(renewalAfterMs(5_000, 10_000)).toBe(4_250)
    expect(renewalAfterMs(1_000, 10_000)).toBeGreaterThan(1_000)
  })

  it('that is shorter than the wished time before its end is not renewed for every request', async () => {
    const { client, asked } = await secured(5_000)
    await client.heartbeat(1, member)
    await client.heartbeat(1, member)
    expect(asked()).toEqual(['heartbeat', 'heartbeat'])
  })

  it('is renewed once before the next request, which waits with all that come meanwhile', async () => {
    const { client, asked } = await secured(SHORT_MS)
    await untilDue()
    await Promise.all([1, 2, 3].map(() => client.heartbeat(1, member)))
    expect(asked()).toEqual(['handshake', 'authenticate', 'heartbeat', 'heartbeat', 'heartbeat'])
  })

  it('is renewed only when nothing is awaited on the connection', async () => {
    const held: { answer?: () => void } = {}
    const { client, asked } = await secured(SHORT_MS, ({ apiKey, index, socket }) => {
      if (apiKey !== Api.heartbeat || held.answer !== undefined) return undefined
      held.answer = () => socket.write(framed(index, heartbeatAnswer().buffer))
      return null
    })
    const first = client.heartbeat(1, member)
    await untilDue()
    const second = client.heartbeat(1, member)
    await sleep(50)
    expect(asked()).toEqual(['heartbeat'])
    held.answer?.()
    await Promise.all([first, second])
    expect(asked()).toEqual(['heartbeat', 'handshake', 'authenticate', 'heartbeat'])
  })

  it('that a broker dropped while it was idle is no failure of the next request', async () => {
    let authentications = 0
    const { client, stub } = await secured(SHORT_MS, ({ apiKey, socket }) => {
      if (apiKey !== Api.saslHandshake || ++authentications !== 2) return undefined
      socket.destroy()
      return null
    })
    await untilDue()
    await client.heartbeat(1, member)
    expect(new Set(stub.requests.map(({ socket }) => socket)).size).toBe(2)
  })

  it('that may not be renewed fails the request as a refusal, without telling the password', async () => {
    let refuse = false
    const { client } = await secured(SHORT_MS, ({ apiKey }) =>
      refuse && apiKey === Api.saslAuthenticate ? authenticated(0, 58) : undefined,
    )
    refuse = true
    await untilDue()
    const error = await client.heartbeat(1, member).catch((reason: Error) => reason)
    expect(error).toMatchObject({ type: 'SASL_AUTHENTICATION_FAILED', code: 58, retriable: false })
    expect(`${(error as Error).message} ${(error as Error).stack}`).not.toContain('hunter2')
  })

  it('without an end is never renewed', async () => {
    const { client, asked } = await secured(0)
    await untilDue()
    await client.heartbeat(1, member)
    expect(asked()).toEqual(['heartbeat'])
  })
})

describe('authentication', () => {
  it('that the broker never answers ends within its own time', async () => {
    const connecting = secured(0, ({ apiKey }) => (apiKey === Api.saslAuthenticate ? null : undefined), {
      authenticationTimeout: 50,
      retry: { retries: 1, initialRetryTime: 1, maxRetryTime: 1 },
    })
    await expect(connecting).rejects.toMatchObject({ code: 'KCP_BROKER_UNREACHABLE' })
  })

  it('is no refusal when the connection broke in the middle of it', async () => {
    let broken = false
    const { client } = await secured(0, ({ apiKey, socket }) => {
      if (apiKey !== Api.saslAuthenticate || broken) return undefined
      broken = true
      socket.destroy()
      return null
    })
    await client.heartbeat(1, member)
  })

  it('is refused by its name where the broker has no request for it', async () => {
    const { 36: _, ...withoutAuthenticate } = MODERN
    const connecting = secured(0, ({ apiKey }) =>
      apiKey === Api.apiVersions ? apiVersions(withoutAuthenticate) : undefined,
    )
    await expect(connecting).rejects.toMatchObject({
      code: 'KCP_BROKER_TOO_OLD',
      message: expect.stringContaining('SaslAuthenticate'),
    })
  })

  it('of the user’s own gets what KafkaJS gives it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'provider-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'provider.mjs')
    writeFileSync(
      file,
      `export default ({ host, port, logger, saslAuthenticate }) => ({
        authenticate: async () => {
          logger.debug('here we go', {})
          const request = { encode: () => Buffer.from([0, 0, 0, 2, 0x68, 0x69]) }
          const response = { decode: async (bytes) => bytes.toString('hex'), parse: async (hex) => hex }
          globalThis.provided = { host, port, said: await saslAuthenticate({ request, response }) }
          globalThis.provided.silent = await saslAuthenticate({ request })
        },
      })`,
    )
    const seen: string[] = []
    const { stub } = await secured(
      0,
      ({ apiKey, body }) => {
        if (apiKey !== Api.saslAuthenticate) return undefined
        seen.push(body.toString('hex'))
        return authenticated(0, 0, Buffer.from('yo'))
      },
      { sasl: { mechanism: 'ours', authenticationProvider: pathToFileURL(file).href } },
    )
    expect(seen).toEqual(['000000026869', '000000026869'])
    expect((globalThis as { provided?: unknown }).provided).toEqual({
      host: '127.0.0.1',
      port: stub.port,
      said: '00000002796f',
      silent: undefined,
    })
  })
})
