import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { RawMessage } from '../raw-message.js'
import { crc32c } from './crc32c.js'

/*
 * Writes record batches of format 2; record-batch.ts has the layout. KafkaJS's own encoder takes headers as an object: it
 * cannot write null values, nor keep the order of names that look like numbers or come in turns.
 */

const RECORDS_AT = 61
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const GZIP = 1

const zip = promisify(gzip)

/** A zig-zag varint of up to 64 bits. */
export const writeVarint = (value: number | bigint): Buffer => {
  const signed = BigInt(value)
  const bytes: number[] = []
  let raw = BigInt.asUintN(64, (signed << 1n) ^ (signed >> 63n))
  for (; raw > 0x7fn; raw >>= 7n) bytes.push(Number(raw & 0x7fn) | 0x80)
  bytes.push(Number(raw))
  return Buffer.from(bytes)
}

const field = (bytes: Uint8Array | null): readonly Uint8Array[] =>
  bytes === null ? [writeVarint(-1)] : [writeVarint(bytes.length), bytes]

const record = ({ key, value, headers, timestamp }: RawMessage, offsetDelta: number, baseTimestamp: bigint): Buffer => {
  const body = Buffer.concat([
    Buffer.of(0), // attributes: none are in use
    writeVarint(timestamp - baseTimestamp),
    writeVarint(offsetDelta),
    ...field(key),
    ...field(value),
    writeVarint(headers.length),
    ...headers.flatMap(([name, content]) => [...field(name), ...field(content)]),
  ])
  return Buffer.concat([writeVarint(body.length), body])
}

/**
 * A batch of these messages, in their order, as a producer without an id writes it.
 *
 * @param messages at least one
 */
export const encodeBatch = async (
  messages: readonly RawMessage[],
  { compress = false }: { readonly compress?: boolean } = {},
): Promise<Buffer> => {
  const baseTimestamp = messages[0]?.timestamp ?? -1n
  const maxTimestamp = messages.reduce((max, { timestamp }) => (timestamp > max ? timestamp : max), baseTimestamp)
  const plain = Buffer.concat(messages.map((message, index) => record(message, index, baseTimestamp)))
  const records = compress ? await zip(plain) : plain
  const batch = Buffer.alloc(RECORDS_AT + records.length)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12) // leader epoch: the broker writes it
  batch.writeInt8(2, 16)
  batch.writeInt16BE(compress ? GZIP : 0, ATTRIBUTES_AT)
  batch.writeInt32BE(messages.length - 1, 23)
  batch.writeBigInt64BE(baseTimestamp, 27)
  batch.writeBigInt64BE(maxTimestamp, 35)
  batch.writeBigInt64BE(-1n, 43) // producer id
  batch.writeInt16BE(-1, 51)
  batch.writeInt32BE(-1, 53)
  batch.writeInt32BE(messages.length, 57)
  records.copy(batch, RECORDS_AT)
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT)
  return batch
}
