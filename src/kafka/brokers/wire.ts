import type { Socket } from 'node:net'
import { ConfigError } from '../../errors.js'
import { connectionError, timedOutError } from '../errors.js'
import type { Lateness } from '../fetch.js'
import type { KafkaError } from '../kafka-error.js'
import type { KafkajsRequest } from '../kafkajs/parts.js'
import type { Logger } from '../logger.js'
import { type Address, formatAddress } from './address.js'
import { hintFor, type Phase, strangerBehind } from './broken-connection.js'
import { Deadline, type Progress } from './deadline.js'
import { FrameReader } from './frame-reader.js'
import type { SocketFactory } from './open-socket.js'
import { requestFrame } from './request-frame.js'

export interface WireSettings {
  readonly clientId: string
  readonly ssl: object | boolean | null
  readonly openSocket: SocketFactory
  readonly log: Logger
}

export interface ExchangeOptions {
  readonly timeoutMs: number
  /** How long the broker may hold the answer back on purpose (the wait of a Fetch, the rebalance of a JoinGroup). */
  readonly holdMs?: number
  /** How much the answer was asked to bring, when it was. */
  readonly answerBytes?: number
  readonly late?: Lateness
}

/** A request whose answer has not come. */
interface Pending {
  readonly name: string
  readonly correlationId: number
  readonly holdMs: number
  /** Until when the broker may hold this one back (ms of `performance.now`), and with it all that come behind. */
  readonly heldUntilMs: number
  readonly maxBytes: number
  readonly deadline: Deadline
  readonly late: Deadline | undefined
  readonly resolve: (body: Buffer) => void
  readonly reject: (reason: KafkaError) => void
}

const CORRELATION_BYTES = 4
const MAX_CORRELATION_ID = 2 ** 31 - 1

/** The first answer on a connection is that to ApiVersions: a few hundred bytes. */
const MAX_FIRST_ANSWER_BYTES = 1024 * 1024

/**
 * What any later answer may have beyond what it was asked for: a first batch that is larger (KIP-74) came in a request
 * of at most `socket.request.max.bytes`, which is 100 MiB unless it was raised.
 */
const MAX_SURPLUS_BYTES = 100 * 1024 * 1024

/** A broker that owes an answer for longer than that may be frozen: others are asked before it. */
const SILENT_MS = 1_000

/** Of a stranger's greeting. */
const SHOWN_BYTES = 40

/** A handshake goes back and forth several times, and nothing is seen of it from here. */
const HANDSHAKE_ROUNDS = 8

/**
 * One socket to one broker, from connecting to its death: requests go out, their answers come back in the same order.
 * Whatever the other side sends, at worst this connection ends, with a reason for everything that was pending.
 */
export class Wire {
  readonly address: Address
  readonly #settings: WireSettings
  readonly #onDeath: (reason: KafkaError) => void
  readonly #frames = new FrameReader()
  readonly #pending: Pending[] = []
  readonly #guards = new Set<(reason: unknown) => void>()
  readonly #whenIdle: (() => void)[] = []
  #socket: Socket | undefined
  #phase: Phase = 'connecting'
  #death: KafkaError | null = null
  #correlationId = 0
  /** What the other side has done: it was found, is connected, has answered. */
  #steps = 0
  /** What it has sent. */
  #bytes = 0

  constructor(address: Address, settings: WireSettings, onDeath: (reason: KafkaError) => void) {
    this.address = address
    this.#settings = settings
    this.#onDeath = onDeath
  }

  get name(): string {
    return formatAddress(this.address)
  }

  get death(): KafkaError | null {
    return this.#death
  }

  /** True while the broker holds a request back, or is silent; it answers no other one before that. */
  get isHeld(): boolean {
    const silentSinceMs = performance.now() - SILENT_MS
    return this.#pending.some(({ holdMs, heldUntilMs }) => holdMs > 0 || heldUntilMs < silentSinceMs)
  }

  /** What has arrived of an answer that is not complete; 0 when none is. */
  get arrivingBytes(): number {
    return this.#frames.bytes
  }

  get isIdle(): boolean {
    return this.#pending.length === 0
  }

  get #progress(): Progress {
    return { steps: this.#steps, bytes: this.#bytes }
  }

  /** @throws ConfigError when option ssl has no usable content */
  async connect(timeoutMs: number): Promise<void> {
    this.#settings.log.debug({ broker: this.name }, 'connecting')
    await this.guard('connecting', timeoutMs, () => new Promise<void>((resolve) => this.#connect(resolve)))
    this.#phase = 'greeting'
  }

  /**
   * Sends a request at once.
   *
   * @returns the body of the answer
   */
  exchange(request: KafkajsRequest, body: Buffer, options: ExchangeOptions): Promise<Buffer> {
    const { timeoutMs, holdMs = 0, answerBytes = 0, late: lateness } = options
    if (this.#death !== null) return Promise.reject(this.#death)
    const { apiKey, apiVersion, apiName } = request
    const correlationId = this.#correlationId
    this.#correlationId = correlationId === MAX_CORRELATION_ID ? 0 : correlationId + 1
    const now = performance.now()
    const heldUntilMs = Math.max(now, this.#pending.at(-1)?.heldUntilMs ?? 0) + holdMs
    return new Promise((resolve, reject) => {
      const deadline = this.#deadline(apiName, heldUntilMs - now + timeoutMs)
      const late = lateness && this.#late(lateness, heldUntilMs - now)
      const maxBytes = answerBytes + MAX_SURPLUS_BYTES
      this.#pending.push({
        name: apiName,
        correlationId,
        holdMs,
        heldUntilMs,
        maxBytes,
        deadline,
        late,
        resolve,
        reject,
      })
      this.#socket?.write(requestFrame({ apiKey, apiVersion, correlationId, clientId: this.#settings.clientId }, body))
    })
  }

  /** Runs a step, but no longer than it may take, and no longer than the connection lives. */
  guard<T>(what: string, timeoutMs: number, step: () => Promise<T>): Promise<T> {
    if (this.#death !== null) return Promise.reject(this.#death)
    return new Promise((resolve, reject) => {
      const deadline = this.#deadline(what, timeoutMs, HANDSHAKE_ROUNDS)
      const settle = () => {
        deadline.stop()
        this.#guards.delete(fail)
      }
      const fail = (reason: unknown) => {
        settle()
        reject(reason)
      }
      this.#guards.add(fail)
      step().then((value) => {
        settle()
        resolve(value)
      }, fail)
    })
  }

  /** Resolves when no answer is awaited, or never will be. */
  async whenIdle(): Promise<void> {
    if (!this.isIdle) await new Promise<void>((resolve) => this.#whenIdle.push(resolve))
  }

  /** Ends the connection at once: everything pending rejects with `reason`, and the socket is gone. Idempotent. */
  destroy(reason: KafkaError): void {
    if (this.#death !== null) return
    this.#death = reason
    this.#settings.log.debug({ broker: this.name, reason: reason.message }, 'connection ended')
    this.#socket?.destroy()
    this.#frames.clear()
    for (const fail of [...this.#guards]) fail(reason)
    for (const { deadline, late, reject } of this.#pending.splice(0)) {
      deadline.stop()
      late?.stop()
      reject(reason)
    }
    this.#wakeIdle()
    this.#onDeath(reason)
  }

  #connect(onConnect: () => void): void {
    const { ssl, openSocket } = this.#settings
    try {
      this.#socket = openSocket({ ...this.address, ssl, onConnect })
    } catch (cause) {
      const { code, message } = cause as NodeJS.ErrnoException
      if (!ssl || code === 'ERR_SOCKET_BAD_PORT') throw connectionError(`${this.name}: ${message}`, cause)
      const fault = `cannot be used: ${message}`
      throw new ConfigError(`option ssl ${fault}`, [{ path: 'kafka.ssl', message: fault }], { cause })
    }
    const alive = () => {
      this.#steps++
    }
    this.#socket
      .on('lookup', alive)
      .on('connect', alive)
      .on('data', (chunk) => this.#receive(chunk))
      // Not once: an error without a listener would end the thread.
      .on('error', (error) => this.#broken(`failed: ${reasonOf(error)}`, error))
      .on('end', () => this.#broken('was closed by the other side'))
      .on('close', () => this.#broken('was closed'))
  }

  #broken(what: string, cause?: NodeJS.ErrnoException): void {
    const hint = hintFor(this.#phase, this.#settings.ssl, cause)
    this.destroy(connectionError(`the connection to ${this.name} ${what}${hint}`, cause))
  }

  #receive(chunk: Buffer): void {
    this.#bytes += chunk.length
    this.#frames.add(chunk)
    while (this.#death === null) {
      const { length } = this.#frames
      if (length === null) return
      const maxBytes = this.#phase === 'open' ? (this.#pending[0]?.maxBytes ?? 0) : MAX_FIRST_ANSWER_BYTES
      if (length < CORRELATION_BYTES || length > maxBytes) {
        this.#refuse(length, maxBytes)
        return
      }
      const frame = this.#frames.take()
      if (frame === null) return
      this.#answer(frame.readInt32BE(0), frame.subarray(CORRELATION_BYTES))
    }
  }

  #answer(correlationId: number, body: Buffer): void {
    const [first] = this.#pending
    if (first?.correlationId !== correlationId) {
      const wanted = first === undefined ? 'nothing was asked' : `the next one is ${first.correlationId}`
      this.destroy(connectionError(`${this.name} answered request ${correlationId}, but ${wanted}`))
      return
    }
    this.#phase = 'open'
    this.#steps++
    this.#pending.shift()
    first.deadline.stop()
    first.late?.stop()
    first.resolve(body)
    if (this.isIdle) this.#wakeIdle()
  }

  /** The next frame is none that a broker would send. */
  #refuse(length: number, maxBytes: number): void {
    if (this.#phase !== 'open') {
      this.destroy(connectionError(`${this.name}: ${strangerBehind(this.#frames.head(SHOWN_BYTES))}`))
      return
    }
    const [first] = this.#pending
    const what = first === undefined ? 'an answer that nobody asked for' : `an answer to ${first.name}`
    this.destroy(connectionError(`${this.name} sent ${what} of ${length} bytes, where 4 to ${maxBytes} may be`))
  }

  #wakeIdle(): void {
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }

  #late({ afterMs, tell }: Lateness, heldMs: number): Deadline {
    return new Deadline({ timeoutMs: heldMs + afterMs, progress: () => this.#progress, onTimeout: tell })
  }

  #deadline(what: string, timeoutMs: number, rounds?: number): Deadline {
    return new Deadline({
      timeoutMs,
      ...(rounds && { rounds }),
      progress: () => this.#progress,
      onTimeout: () =>
        this.destroy(timedOutError(`${what} at ${this.name}: no answer within ${Math.round(timeoutMs)} ms`)),
    })
  }
}

/** Node says nothing itself when none of several addresses of a host could be reached. */
const reasonOf = (error: Error): string =>
  error instanceof AggregateError ? error.errors.map(({ message }) => message).join(', ') : error.message
