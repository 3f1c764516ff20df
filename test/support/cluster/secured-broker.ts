import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SecuredListener } from '#scripts/broker.js'
import { Authority, type Identity } from './authority.js'
import { closeAfterFile } from './clients.js'
import { type PrivateBroker, startFileBroker } from './private-broker.js'

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const

/** Shorter than the time before the end at which KafkaJS renews a session, when nothing else is said. */
export const SHORT_SESSION_MS = 4_000

const LISTENERS = {
  TLS: { protocol: 'SSL' },
  MUTUAL: { protocol: 'SSL', clientCertificates: true },
  SASL: { protocol: 'SASL_PLAINTEXT', mechanisms: MECHANISMS },
  SASL_TLS: { protocol: 'SASL_SSL', mechanisms: MECHANISMS },
  SHORT: { protocol: 'SASL_PLAINTEXT', mechanisms: MECHANISMS, maxReauthMs: SHORT_SESSION_MS },
  SHORT_TLS: { protocol: 'SASL_SSL', mechanisms: ['SCRAM-SHA-512'], maxReauthMs: SHORT_SESSION_MS },
} satisfies Readonly<Record<string, SecuredListener>>

/** A broker with a listener for every way to come in. */
export interface SecuredBroker extends PrivateBroker {
  /** Addresses of a listener. */
  at(listener: keyof typeof LISTENERS): string[]
  /** The only user. */
  readonly credentials: { readonly username: string; readonly password: string }
  /** Whom the brokers' certificate is from, and whom it takes clients' certificates from. */
  readonly ca: string
  /** A client's certificate and key. */
  readonly client: Identity
  /** One that no broker knows anything of. */
  readonly stranger: Identity & { readonly ca: string }
  /** A client's certificate and key, the key encrypted with `password`. */
  readonly lockedClient: Identity & { readonly password: string }
  /** Writes a text into a file that is removed in the end, and resolves with its path. */
  file(name: string, text: string): string
}

/** URL of a module that makes tokens which the brokers take. */
export const TOKEN_PROVIDER = new URL('./token.mjs', import.meta.url).href

/** To be called in `beforeAll`. Not where `KAFKA_BROKERS` names somebody else's broker. */
export const startSecuredBroker = async (): Promise<SecuredBroker> => {
  const folder = mkdtempSync(join(tmpdir(), 'secured-'))
  closeAfterFile(async () => rmSync(folder, { recursive: true, force: true }))
  const [authority, elsewhere] = [new Authority('tests'), new Authority('elsewhere')]
  const credentials = { username: 'alice', password: `secret-${randomBytes(6).toString('hex')}` }
  const keyPassword = `passphrase-${randomBytes(6).toString('hex')}`
  const broker = await startFileBroker({
    security: {
      listeners: LISTENERS,
      users: { [credentials.username]: credentials.password },
      tls: { ...authority.issue('broker', ['127.0.0.1', 'localhost']), ca: authority.ca },
    },
  })
  return {
    ...broker,
    credentials,
    ca: authority.ca,
    client: authority.issue('client', ['client']),
    stranger: { ...elsewhere.issue('client', ['client']), ca: elsewhere.ca },
    lockedClient: { ...authority.issue('client', ['client'], keyPassword), password: keyPassword },
    at: (listener) => [...(broker.secured[listener] ?? [])],
    file: (name, text) => {
      const path = join(folder, name)
      writeFileSync(path, text)
      return path
    },
  }
}
