import { inspect } from 'node:util'
import type { Message, PlainMessage } from '../message.js'
import { makeAssignable } from './assigned-fields.js'
import { ByteReader } from './byte-reader.js'
import { copyWithToJSON, toPlain } from './message-copy.js'

/** What all messages of one record batch have in common. */
export interface RecordFrame {
  readonly topic: string
  readonly partition: number
  /** The records, uncompressed. */
  readonly bytes: Buffer
  readonly baseOffset: number
  readonly baseTimestamp: bigint
  /** The time at which the broker appended the batch, if its topic says so (`message.timestamp.type`); else null. */
  readonly appendTimestamp: bigint | null
}

/** A message as it was fetched: its bytes, and its headers in their order. */
export interface MessageParts {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: Buffer, value: Buffer | null])[]
  readonly timestamp: string
}

const NO_BYTES = Buffer.alloc(0)

type HeaderValue = Buffer | null | (Buffer | null)[]

/** A record of format 2 whose fields are decoded when they are read. Its bytes were checked before it was made. */
export class LazyMessage implements Message {
  declare readonly toJSON: Message['toJSON']
  readonly #frame: RecordFrame
  /** Where the record begins: at its attributes, behind its length. */
  readonly #start: number
  readonly #offsetDelta: number

  constructor(frame: RecordFrame, start: number, offsetDelta: number) {
    this.toJSON = copyWithToJSON
    this.#frame = frame
    this.#start = start
    this.#offsetDelta = offsetDelta
  }

  static is(message: object): message is LazyMessage {
    return #frame in message
  }

  /** Views of the fetched bytes, whatever was assigned to the message. */
  static partsOf(message: LazyMessage): MessageParts {
    const reader = message.#atKey()
    const key = reader.nullableBytes()
    const value = reader.nullableBytes()
    const headers: [Buffer, Buffer | null][] = []
    for (let left = reader.varint(); left > 0; left--) {
      headers.push([reader.nullableBytes() ?? NO_BYTES, reader.nullableBytes()])
    }
    return { key, value, headers, timestamp: message.#timestamp() }
  }

  get topic(): string {
    return this.#frame.topic
  }

  get partition(): number {
    return this.#frame.partition
  }

  get offset(): string {
    return String(this.#frame.baseOffset + this.#offsetDelta)
  }

  get timestamp(): string {
    return this.#timestamp()
  }

  get attributes(): number {
    return this.#frame.bytes.readInt8(this.#start)
  }

  get key(): Buffer | null {
    return this.#atKey().nullableBytes()
  }

  get value(): Buffer | null {
    return this.#atValue().nullableBytes()
  }

  get headers(): Readonly<Record<string, HeaderValue>> {
    const reader = this.#atValue()
    reader.skipBytes()
    const headers: Record<string, HeaderValue> = Object.create(null)
    for (let left = reader.varint(); left > 0; left--) {
      const name = reader.nullableBytes()?.toString() ?? ''
      const value = reader.nullableBytes()
      const before = headers[name]
      if (before === undefined) headers[name] = value
      else if (Array.isArray(before)) before.push(value)
      else headers[name] = [before, value]
    }
    return headers
  }

  /** So that `console.log(message)` shows the fields. */
  [inspect.custom](): PlainMessage {
    return toPlain(this)
  }

  #timestamp(): string {
    const { appendTimestamp, baseTimestamp, bytes } = this.#frame
    if (appendTimestamp !== null) return String(appendTimestamp)
    const delta = new ByteReader(bytes, this.#start + 1).varlong()
    return String(BigInt.asIntN(64, baseTimestamp + delta))
  }

  #atKey(): ByteReader {
    const reader = new ByteReader(this.#frame.bytes, this.#start + 1)
    reader.skipVarint() // timestamp delta
    reader.skipVarint() // offset delta
    return reader
  }

  #atValue(): ByteReader {
    const reader = this.#atKey()
    reader.skipBytes()
    return reader
  }
}

makeAssignable(LazyMessage)
