import { inspect } from 'node:util'
import type { Message, PlainMessage } from '../message.js'
import { makeAssignable } from './assigned-fields.js'
import type { Codecs } from './codecs.js'
import { crc32 } from './crc32.js'
import { readInt64 } from './int64.js'
import type { MessageParts } from './lazy-message.js'
import { copyWithToJSON, toPlain } from './message-copy.js'
import { refuseTooMany } from './object-bytes.js'
import type { Collected } from './read-records.js'
import { ENTRY_HEADER_BYTES, MAGIC_AT } from './record-batch.js'
import { sharedBytes } from './shared-bytes.js'
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

/** What has to be known of a message before it can be believed. */
interface Entry {
  readonly at: number
  readonly offset: number
  readonly magic: number
  readonly attributes: number
  readonly end: number
}

/** Where the key begins, with its length in front. */
const keyAt = (at: number, magic: number): number => at + MAGIC_AT + 2 + (magic === 1 ? 8 : 0)

/** Behind a field with its length in front. */
const behind = (bytes: Buffer, at: number): number => at + 4 + Math.max(0, bytes.readInt32BE(at))

const fieldAt = (bytes: Buffer, at: number): Buffer | null =>
  bytes.readInt32BE(at) < 0 ? null : bytes.subarray(at + 4, behind(bytes, at))

const timestampAt = (bytes: Buffer, at: number, magic: number): bigint =>
  magic === 1 ? bytes.readBigInt64BE(at + MAGIC_AT + 2) : NO_TIMESTAMP

/** Looks at every length in it, so that a message, which decodes itself when it is read, cannot fail in a handler. */
const checkEntry = (bytes: Buffer, at: number): Entry => {
  const end = at + ENTRY_HEADER_BYTES + bytes.readInt32BE(at + 8)
  if (end > bytes.length) throw new RangeError(`a message of ${end - at} bytes runs over the set that it is in`)
  // First of all, as with batches: only what is behind it can be believed.
  const checksum = bytes.readUInt32BE(at + CRC_AT)
  if (crc32(bytes.subarray(at + MAGIC_AT, end)) !== checksum) throw new RangeError('its checksum is wrong')
  const magic = bytes.readInt8(at + MAGIC_AT)
  if (magic !== 0 && magic !== 1) throw new RangeError(`message format ${magic} is not known`)
  let next = keyAt(at, magic)
  for (const field of ['key', 'value']) {
    next = behind(bytes, next)
    if (next > end) throw new RangeError(`a ${field} runs over the end of its message`)
  }
  return { at, offset: readInt64(bytes, at), magic, attributes: bytes.readInt8(at + MAGIC_AT + 1), end }
}

/** What all messages of one set have in common. */
interface SetFrame {
  readonly topic: string
  readonly partition: number
  readonly bytes: Buffer
  /** The time at which the broker appended the wrapper, if its topic says so; else null. */
  readonly appendTimestamp: bigint | null
}

/** A message of format 0 or 1 whose fields are decoded when they are read, as those of every message are. */
export class OldMessage implements Message {
  declare readonly toJSON: Message['toJSON']
  readonly #frame: SetFrame
  readonly #at: number
  readonly #offset: number

  constructor(frame: SetFrame, at: number, offset: number) {
    this.toJSON = copyWithToJSON
    this.#frame = frame
    this.#at = at
    this.#offset = offset
  }

  static is(message: object): message is OldMessage {
    return #frame in message
  }

  /** Views of the fetched bytes, whatever was assigned to the message. It had no headers yet. */
  static partsOf(message: OldMessage): MessageParts {
    const { appendTimestamp, bytes } = message.#frame
    const at = keyAt(message.#at, message.#magic)
    const timestamp = String(appendTimestamp ?? timestampAt(bytes, message.#at, message.#magic))
    return { key: fieldAt(bytes, at), value: fieldAt(bytes, behind(bytes, at)), headers: [], timestamp }
  }

  get topic(): string {
    return this.#frame.topic
  }

  get partition(): number {
    return this.#frame.partition
  }

  get offset(): string {
    return String(this.#offset)
  }

  get timestamp(): string {
    const { appendTimestamp, bytes } = this.#frame
    return String(appendTimestamp ?? timestampAt(bytes, this.#at, this.#magic))
  }

  get attributes(): number {
    return this.#frame.bytes.readInt8(this.#at + MAGIC_AT + 1)
  }

  get key(): Buffer | null {
    return fieldAt(this.#frame.bytes, keyAt(this.#at, this.#magic))
  }

  get value(): Buffer | null {
    const { bytes } = this.#frame
    return fieldAt(bytes, behind(bytes, keyAt(this.#at, this.#magic)))
  }

  get headers(): PlainMessage['headers'] {
    return Object.create(null)
  }

  /** So that `console.log(message)` shows the fields. */
  [inspect.custom](): PlainMessage {
    return toPlain(this)
  }

  get #magic(): number {
    return this.#frame.bytes.readInt8(this.#at + MAGIC_AT)
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
  /** For the set within a wrapper, and again for its messages as objects. */
  readonly maxDecompressedBytes: number
}

/** The messages of one set: where each begins, and its offset. */
interface OldSet {
  readonly frame: SetFrame
  readonly starts: readonly number[]
  readonly offsets: readonly number[]
  /** Memory that they keep alive beside what was received. */
  readonly ownBytes: number
}

const readInner = async (outer: Buffer, wrapper: Entry, options: MessageSetOptions): Promise<OldSet> => {
  const { topic, partition, codecs, maxDecompressedBytes } = options
  const codec = wrapper.attributes & CODEC_MASK
  const decompress = codecs.get(codec)
  if (decompress === undefined) throw codecMissing({ topic, partition, offset: wrapper.offset }, codec)
  const zipped = fieldAt(outer, behind(outer, keyAt(wrapper.at, wrapper.magic)))
  if (zipped === null) throw new RangeError('a compressed message without a value')
  const bytes = sharedBytes(await decompress(zipped, maxDecompressedBytes))
  const starts: number[] = []
  const inner: number[] = []
  for (let at = 0; at < bytes.length; ) {
    const { attributes, offset, end } = checkEntry(bytes, at)
    if ((attributes & CODEC_MASK) !== 0) throw new RangeError('a compressed message within a compressed one')
    starts.push(at)
    inner.push(offset)
    at = end
  }
  if (inner.length === 0) throw new RangeError('a compressed message with nothing in it')
  refuseTooMany(inner.length, maxDecompressedBytes)
  const shift = wrapper.magic === 1 ? wrapper.offset - (inner.at(-1) ?? 0) : 0
  const hasAppendTime = (wrapper.attributes & LOG_APPEND_TIME) !== 0
  const appendTimestamp = hasAppendTime ? timestampAt(outer, wrapper.at, wrapper.magic) : null
  const offsets = inner.map((offset) => offset + shift)
  return { frame: { topic, partition, bytes, appendTimestamp }, starts, offsets, ownBytes: bytes.length }
}

const alone = (bytes: Buffer, { at, offset }: Entry, { topic, partition }: MessageSetOptions): OldSet => ({
  frame: { topic, partition, bytes, appendTimestamp: null },
  ...{ starts: [at], offsets: [offset], ownBytes: 0 },
})

const checkOffsets = (offsets: readonly number[], after: number, lastOffset: number): void => {
  let before = after
  for (const offset of offsets) {
    if (offset <= before || offset > lastOffset)
      throw new RangeError(`a message at offset ${offset}, where none can be`)
    before = offset
  }
}

/**
 * Collects the message, or the messages of the wrapper, that stands at `at`.
 *
 * @returns the offset of its last message and the memory that its messages keep alive beside `bytes`
 * @throws PoolError KCP_CODEC_MISSING; DecompressedTooLarge; RangeError when it is malformed
 */
export const readMessageSetEntry = async (
  bytes: Buffer,
  at: number,
  options: MessageSetOptions,
  into: Collected,
): Promise<{ lastOffset: number; ownBytes: number }> => {
  const outer = checkEntry(bytes, at)
  const isWrapper = (outer.attributes & CODEC_MASK) !== 0
  const { frame, starts, offsets, ownBytes } = isWrapper
    ? await readInner(bytes, outer, options)
    : alone(bytes, outer, options)
  checkOffsets(offsets, options.after, outer.offset)
  for (const [index, offset] of offsets.entries()) {
    if (offset < options.from) continue
    into.messages.push(new OldMessage(frame, starts[index] as number, offset))
    into.offsets.push(offset)
  }
  return { lastOffset: outer.offset, ownBytes }
}
