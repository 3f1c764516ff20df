import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { ApiName, Apis } from './apis.js'

/*
 * The parts of kafkajs 2.2.4 that this project stands on, with types. They are not its public interface, so their shape
 * is verified when they are loaded (verify-kafkajs.ts). Used are: its connection (framing, correlation, throttling, all
 * SASL mechanisms with re-authentication) and its request encoders and response decoders. Not used are its Cluster and
 * BrokerPool: they retry behind our back, wait for pending requests when they close, and ask for the metadata of every
 * topic.
 */

/** What kafkajs sends: the bytes behind the request header. */
export interface KafkajsEncoder {
  readonly buffer: Buffer
  writeInt8(value: number): this
  writeInt16(value: number): this
  writeInt32(value: number): this
  writeInt64(value: bigint | number | string): this
  writeBoolean(value: boolean): this
  writeString(value: string | null): this
  writeBytes(value: Buffer | null): this
  writeArray(items: readonly (KafkajsEncoder | string | number)[]): this
}

/** Reads what {@link KafkajsEncoder} writes. Null arrays read as empty ones. */
export interface KafkajsDecoder {
  readInt16(): number
  readInt32(): number
  readString(): string | null
  readBytes(): Buffer | null
  readArray<T>(read: (decoder: KafkajsDecoder) => T): T[]
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
  readonly versions: readonly string[]
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

export type SocketFactory = (options: {
  host: string
  port: number
  ssl: object | boolean | null
  onConnect: () => void
}) => Socket

export interface KafkajsConnectionOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly ssl: object | boolean | null
  readonly sasl: object | null
  readonly socketFactory: SocketFactory
  readonly logger: KafkajsLogger
  readonly requestTimeout: number
  readonly connectionTimeout: number
  readonly reauthenticationThreshold: number
  readonly enforceRequestTimeout: boolean
}

/** One socket to one broker. */
export interface KafkajsConnection {
  connect(): Promise<unknown>
  authenticate(): Promise<void>
  setVersions(versions: ApiRanges): void
  setSupportAuthenticationProtocol(supported: boolean): void
  send<T>(protocol: KafkajsProtocol<T> & { readonly logResponseError: boolean }): Promise<T>
}

export interface KafkajsErrorCode {
  readonly type: string
  readonly code: number
  readonly retriable: boolean
  readonly message: string
}

/** Everything that is used of kafkajs. */
export interface Kafkajs {
  readonly Connection: new (options: KafkajsConnectionOptions) => KafkajsConnection
  readonly RequestQueue: {
    readonly prototype: { readonly pending: readonly unknown[]; scheduleCheckPendingRequests(): void }
  }
  readonly Encoder: new () => KafkajsEncoder
  readonly Decoder: new (bytes: Buffer) => KafkajsDecoder
  readonly apiKeys: Readonly<Record<ApiName | 'SaslAuthenticate', number>>
  readonly requests: { readonly [K in ApiName]: RequestModule<Apis[K]['ask'], Apis[K]['answer']> }
  readonly errorCodes: readonly KafkajsErrorCode[]
  readonly createLogger: (options: { level: number; logCreator: () => (entry: LogEntry) => void }) => KafkajsLogger
}

/** Where each part lives inside the package. */
export const loadInternals = (load: (path: string) => unknown): Kafkajs => {
  const { requests } = load('./src/protocol/requests') as Pick<Kafkajs, 'requests'>
  const { errorCodes } = load('./src/protocol/error') as Pick<Kafkajs, 'errorCodes'>
  const { createLogger } = load('./src/loggers') as Pick<Kafkajs, 'createLogger'>
  return {
    Connection: load('./src/network/connection') as Kafkajs['Connection'],
    RequestQueue: load('./src/network/requestQueue') as Kafkajs['RequestQueue'],
    Encoder: load('./src/protocol/encoder') as Kafkajs['Encoder'],
    Decoder: load('./src/protocol/decoder') as Kafkajs['Decoder'],
    apiKeys: load('./src/protocol/requests/apiKeys') as Kafkajs['apiKeys'],
    requests,
    errorCodes,
    createLogger,
  }
}

/** Loads a file of the kafkajs that this package depends on; the path is relative to its package.json. */
export const requireKafkajs = (path: string): unknown => {
  const packageFile = createRequire(import.meta.url).resolve('kafkajs/package.json')
  return createRequire(packageFile)(path)
}
