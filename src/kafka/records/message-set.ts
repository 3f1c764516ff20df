import { inspect } from 'node:util'
import type { Message, PlainMessage } from '../message.js'
import { makeAssignable } from './assigned-fields.js'
import type { Codecs } from './codecs.js'
import { crc32 } from './crc32.js'
import { readInt64 } from './int64.js'
import { copyWithToJSON, toPlain } from './message-copy.js'
import type { Collected } from './read-records.js'
import { ENTRY_HEADER_BYTES, MAGIC_AT } from './record-batch.js'
import { codecMissing } from './undecodable.js'

/*
 * Message, formats 0 and 1 (before Kafka 0.11; a topic may still hold them):
 *
 *   offset 8 | length 4 | crc 4 | magic 1 | attributes 1 | (format 1: timestamp 8) | key 4 + … | value 4 + …
 *
 * A compressed message is a wrapper: its value is a set of messages. In format 1 their offsets count from zero and the
 * wrapper has the offset of the last one (KIP-31).
 */
const CRC_AT = 12
const CODEC_MASK = 0x07
const LOG_APPEND_TIME = 0x08
const NO_TIMESTAMP = -1n

interface Entry {
  readonly offset: number
  readonly magic: number
  readonly attributes: number
  readonly timestamp: bigint
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly end: number
}

const readEntry = (bytes: Buffer, at: number): Entry => {
  const end = at + ENTRY_HEADER_BYTES + bytes.readInt32BE(at + 8)
  if (end > bytes.length) throw new RangeError(`a message of ${end - at} bytes runs over the set that it is in`)
  // First of all, as with batches: only what is behind it can be believed.
  const checksum = bytes.readUInt32BE(at + CRC_AT)
  if (crc32(bytes.subarray(at + MAGIC_AT, end)) !== checksum) throw new RangeError('its checksum is wrong')
  const magic = bytes.readInt8(at + MAGIC_AT)
  if (magic !== 0 && magic !== 1) throw new RangeError(`message format ${magic} is not known`)
  let next = at + MAGIC_AT + 2 + (magic === 1 ? 8 : 0)
  const field = (): Buffer | null => {
    const length = bytes.readInt32BE(next)
    const start = next + 4
    next = start + Math.max(0, length)
    if (next > end) throw new RangeError(`a field of ${length} bytes runs over its message`)
    return length < 0 ? null : bytes.subarray(start, next)
  }
  const key = field()
  const value = field()
  return {
    offset: readInt64(bytes, at),
    magic,
    attributes: bytes.readInt8(at + MAGIC_AT + 1),
    timestamp: magic === 1 ? bytes.readBigInt64BE(at + MAGIC_AT + 2) : NO_TIMESTAMP,
    key,
    value,
    end,
  }
}

/** A message of format 0 or 1. Its fields are getters, as those of every message are. */
class OldMessage implements Message {
  declare readonly toJSON: Message['toJSON']
  readonly #fields: PlainMessage

  constructor(fields: PlainMessage) {
    this.toJSON = copyWithToJSON
    this.#fields = fields
  }

  get topic(): string {
    return this.#fields.topic
  }

  get partition(): number {
    return this.#fields.partition
  }

  get offset(): string {
    return this.#fields.offset
  }

  get timestamp(): string {
    return this.#fields.timestamp
  }

  get attributes(): number {
    return this.#fields.attributes
  }

  get key(): Buffer | null {
    return this.#fields.key
  }

  get value(): Buffer | null {
    return this.#fields.value
  }

  get headers(): PlainMessage['headers'] {
    return this.#fields.headers
  }

  /** So that `console.log(message)` shows the fields. */
  [inspect.custom](): PlainMessage {
    return toPlain(this)
  }
}

makeAssignable(OldMessage)

export interface MessageSetOptions {
  readonly topic: string
  readonly partition: number
  /** Messages below this offset are passed over. */
  readonly from: number
  /** What came last before it: all offsets are above this one. */
  readonly after: number
  readonly codecs: Codecs
  readonly maxDecompressedBytes: number
}

const readInner = async (wrapper: Entry, options: MessageSetOptions): Promise<{ entries: Entry[]; bytes: number }> => {
  const codec = wrapper.attributes & CODEC_MASK
  const decompress = options.codecs.get(codec)
  if (decompress === undefined) throw codecMissing({ ...options, offset: wrapper.offset }, codec)
  if (wrapper.value === null) throw new RangeError('a compressed message without a value')
  const set = await decompress(wrapper.value, options.maxDecompressedBytes)
  const inner: Entry[] = []
  for (let at = 0; at < set.length; at = inner.at(-1)?.end ?? set.length) inner.push(readEntry(set, at))
  if (inner.length === 0) throw new RangeError('a compressed message with nothing in it')
  if (inner.some(({ attributes }) => (attributes & CODEC_MASK) !== 0)) {
    throw new RangeError('a compressed message within a compressed one')
  }
  const shift = wrapper.magic === 1 ? wrapper.offset - (inner.at(-1)?.offset ?? 0) : 0
  const appendTime = (wrapper.attributes & LOG_APPEND_TIME) !== 0
  const entries = inner.map((entry) => ({
    ...entry,
    offset: entry.offset + shift,
    timestamp: appendTime ? wrapper.timestamp : entry.timestamp,
  }))
  return { entries, bytes: set.length }
}

const checkOffsets = (entries: readonly Entry[], after: number, lastOffset: number): void => {
  let before = after
  for (const { offset } of entries) {
    if (offset <= before || offset > lastOffset)
      throw new RangeError(`a message at offset ${offset}, where none can be`)
    before = offset
  }
}

/**
 * Collects the message, or the messages of the wrapper, that stands at `at`.
 *
 * @returns the offset of its last message and the memory that its messages keep alive beside `bytes`
 * @throws PoolError KCP_CODEC_MISSING; RangeError when it is malformed
 */
export const readMessageSetEntry = async (
  bytes: Buffer,
  at: number,
  options: MessageSetOptions,
  into: Collected,
): Promise<{ lastOffset: number; ownBytes: number }> => {
  const outer = readEntry(bytes, at)
  const isWrapper = (outer.attributes & CODEC_MASK) !== 0
  const found = isWrapper ? await readInner(outer, options) : { entries: [outer], bytes: 0 }
  checkOffsets(found.entries, options.after, outer.offset)
  for (const { offset, timestamp, attributes, key, value } of found.entries) {
    if (offset < options.from) continue
    into.messages.push(
      new OldMessage({
        topic: options.topic,
        partition: options.partition,
        offset: String(offset),
        timestamp: String(timestamp),
        attributes,
        key,
        value,
        headers: Object.create(null),
      }),
    )
    into.offsets.push(offset)
  }
  return { lastOffset: outer.offset, ownBytes: found.bytes }
}
