import { gzipSync } from 'node:zlib'
import { kafkajsFile } from './record-encoder.js'

/* Messages of formats 0 and 1, by kafkajs's encoder, which writes a right checksum. */

const Encoder = kafkajsFile('protocol/encoder')
const encodeMessage = kafkajsFile('protocol/message')
const crc32: (encoder: { readonly buffer: Buffer }) => number = kafkajsFile('protocol/crc32')

export interface OldTestMessage {
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly compression?: number
}

export const entry = (magic: number, { offset, ...message }: OldTestMessage): Buffer => {
  const encoded = encodeMessage({ version: magic })(message)
  return new Encoder().writeInt64(offset).writeInt32(encoded.size()).writeEncoder(encoded).buffer
}

/**
 * A message whose value is a set of messages.
 *
 * @param offset of the wrapper
 */
export const compressed = (magic: number, messages: readonly OldTestMessage[], offset: number): Buffer => {
  const value = gzipSync(Buffer.concat(messages.map((message) => entry(magic, message))))
  return entry(magic, { offset, key: null, value, timestamp: 1, compression: 1 })
}

/** Writes the checksum that the bytes of an entry ought to have, if it is long enough to have one. */
export const signEntry = (bytes: Buffer): Buffer => {
  if (bytes.length >= 16) bytes.writeInt32BE(crc32({ buffer: bytes.subarray(16) }) | 0, 12)
  return bytes
}
