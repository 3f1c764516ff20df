import { createRequire } from 'node:module'
import type { ApiName, Apis } from './request-shapes.js'

/*
 * The parts of kafkajs 2.2.4 that this project stands on, with types. They are not its public interface, so their shape
 * is verified when they are loaded (kafkajs.ts). Used are its request encoders, its decoders of answers without arrays, its
 * table of errors and its SASL mechanisms. Not used are its decoders of arrays, which take memory for as many items as are
 * announced; its Connection, whose socket a hostile frame turns into an exception of the process; and its Cluster and
 * BrokerPool: they retry behind our back, wait for pending requests when they close, and ask for the metadata of every topic.
 */

/** What kafkajs sends: the bytes behind the request header. */
export interface KafkajsEncoder {
  readonly buffer: Buffer
  writeInt16(value: number): this
  writeInt32(value: number): this
  writeInt64(value: bigint | number | string): this
  writeBoolean(value: boolean): this
  writeString(value: string | null): this
  writeBytes(value: Buffer | null): this
  writeArray(items: readonly (KafkajsEncoder | string | number)[]): this
}

export interface KafkajsRequest {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
  encode(): Promise<KafkajsEncoder>
}

export interface KafkajsResponse<T> {
  decode(raw: Buffer): Promise<T>
  parse(decoded: T): Promise<T>
}

export interface KafkajsProtocol<T> {
  readonly request: KafkajsRequest
  readonly response: KafkajsResponse<T>
}

/** One request in all its versions. */
export interface RequestModule<Ask, Answer> {
  protocol(which: { version: number }): (ask: Ask) => KafkajsProtocol<Answer>
}

export type ApiRanges = Readonly<Record<number, { readonly minVersion: number; readonly maxVersion: number }>>

export interface KafkajsLogger {
  namespace(name: string): KafkajsLogger
}

interface LogEntry {
  readonly namespace: string
  readonly label: string
  readonly log: Readonly<Record<string, unknown>> & { readonly message: string }
}

/** One message of a mechanism, and how to read the answer when one is wanted. */
export interface SaslExchange<T> {
  readonly request: { encode(): Buffer | Promise<Buffer> }
  readonly response?: { decode(raw: Buffer): unknown; parse(decoded: unknown): T | Promise<T> }
}

/** A SASL mechanism, KafkaJS's or a user's own; called anew for each authentication. */
export type AuthenticationProvider = (connection: {
  readonly host: string
  readonly port: number
  readonly logger: KafkajsLogger
  readonly saslAuthenticate: <T>(exchange: SaslExchange<T>) => Promise<T | undefined>
}) => { authenticate(): Promise<void> }

/** Option `sasl`, with its functions. */
export interface SaslOptions {
  readonly mechanism: string
  authenticationProvider?: AuthenticationProvider
  readonly [option: string]: unknown
}

export interface KafkajsErrorCode {
  readonly type: string
  readonly code: number
  readonly retriable: boolean
  readonly message: string
}

/** Everything that is used of kafkajs. */
export interface Kafkajs {
  readonly Encoder: new () => KafkajsEncoder
  readonly apiKeys: Readonly<Record<ApiName, number>>
  readonly requests: { readonly [K in ApiName]: RequestModule<Apis[K]['ask'], Apis[K]['answer']> }
  readonly errorCodes: readonly KafkajsErrorCode[]
  /** By the name of the mechanism. */
  readonly authenticators: Readonly<Record<string, (sasl: SaslOptions) => AuthenticationProvider>>
  readonly createLogger: (options: { level: number; logCreator: () => (entry: LogEntry) => void }) => KafkajsLogger
}

/** Where each part lives inside the package. */
export const loadParts = (load: (path: string) => unknown): Kafkajs => {
  const { requests } = load('./src/protocol/requests') as Pick<Kafkajs, 'requests'>
  const { errorCodes } = load('./src/protocol/error') as Pick<Kafkajs, 'errorCodes'>
  const { createLogger } = load('./src/loggers') as Pick<Kafkajs, 'createLogger'>
  const authenticator = (name: string) =>
    load(`./src/broker/saslAuthenticator/${name}`) as Kafkajs['authenticators'][string]
  return {
    Encoder: load('./src/protocol/encoder') as Kafkajs['Encoder'],
    apiKeys: load('./src/protocol/requests/apiKeys') as Kafkajs['apiKeys'],
    requests,
    errorCodes,
    authenticators: {
      AWS: authenticator('awsIam'),
      PLAIN: authenticator('plain'),
      OAUTHBEARER: authenticator('oauthBearer'),
      'SCRAM-SHA-256': authenticator('scram256'),
      'SCRAM-SHA-512': authenticator('scram512'),
    },
    createLogger,
  }
}

/** Loads a file of the kafkajs that this package depends on; the path is relative to its package.json. */
export const requireKafkajs = (path: string): unknown => {
  const packageFile = createRequire(import.meta.url).resolve('kafkajs/package.json')
  return createRequire(packageFile)(path)
}
