import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'

/* Record batches by hand, so that tests can write what kafkajs's encoder cannot (null header values, gaps, damage). */

const require = createRequire(import.meta.url)

/** A file of kafkajs, untyped: the reference to compare with. */
// biome-ignore lint/suspicious/noExplicitAny: kafkajs's internals have no types
export const kafkajsFile = (path: string): any => require(`kafkajs/src/${path}`)

const crc32c: (bytes: Buffer) => number = kafkajsFile('protocol/recordBatch/crc32C')

export interface TestRecord {
  readonly offsetDelta: number
  readonly timestampDelta?: number
  readonly key?: Buffer | null
  readonly value?: Buffer | null
  readonly headers?: readonly (readonly [string, Buffer | null])[]
}

export interface TestBatch {
  readonly baseOffset: number
  /** @default the largest offset delta of the records */
  readonly lastOffsetDelta?: number
  readonly baseTimestamp?: bigint
  readonly maxTimestamp?: bigint
  readonly codec?: number
  readonly logAppendTime?: boolean
  readonly transactional?: boolean
  readonly control?: boolean
  readonly producerId?: bigint
  readonly records: readonly TestRecord[]
  /** What the header says; default: the truth. */
  readonly count?: number
  /** The bytes behind the header, when they are not to be made from the records. */
  readonly body?: Buffer
  /** Changes the records' bytes before they are compressed. */
  readonly transform?: (plain: Buffer) => Buffer
}

export const varint = (value: number): Buffer => {
  const bytes: number[] = []
  let raw = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  for (; raw > 0x7fn; raw >>= 7n) bytes.push(Number(raw & 0x7fn) | 0x80)
  bytes.push(Number(raw))
  return Buffer.from(bytes)
}

const field = (bytes: Buffer | null): Buffer =>
  bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes])

export const encodeRecord = ({ offsetDelta, timestampDelta = 0, key = null, value = null, headers = [] }: TestRecord) =>
  field(
    Buffer.concat([
      Buffer.from([0]),
      varint(timestampDelta),
      varint(offsetDelta),
      field(key),
      field(value),
      varint(headers.length),
      ...headers.flatMap(([name, content]) => [field(Buffer.from(name)), field(content)]),
    ]),
  )

/** Writes the checksum that the bytes of a batch ought to have. */
export const sign = (batch: Buffer): Buffer => {
  batch.writeUInt32BE(crc32c(batch.subarray(21)) >>> 0, 17)
  return batch
}

export const encodeBatch = (batch: TestBatch): Buffer => {
  const { records, codec = 0, baseTimestamp = 1_700_000_000_000n, transform = (bytes) => bytes } = batch
  const plain = transform(Buffer.concat(records.map(encodeRecord)))
  const body = batch.body ?? (codec === 1 ? gzipSync(plain) : plain)
  const bytes = Buffer.alloc(61 + body.length)
  const attributes =
    codec | (batch.logAppendTime ? 0x08 : 0) | (batch.transactional ? 0x10 : 0) | (batch.control ? 0x20 : 0)
  bytes.writeBigInt64BE(BigInt(batch.baseOffset), 0)
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes.writeInt8(2, 16)
  bytes.writeInt16BE(attributes, 21)
  bytes.writeInt32BE(batch.lastOffsetDelta ?? Math.max(0, ...records.map(({ offsetDelta }) => offsetDelta)), 23)
  bytes.writeBigInt64BE(baseTimestamp, 27)
  bytes.writeBigInt64BE(batch.maxTimestamp ?? baseTimestamp, 35)
  bytes.writeBigInt64BE(batch.producerId ?? -1n, 43)
  bytes.writeInt16BE(-1, 51)
  bytes.writeInt32BE(-1, 53)
  bytes.writeInt32BE(batch.count ?? records.length, 57)
  body.copy(bytes, 61)
  return sign(bytes)
}

/** `count` records in a row, whose values say their offset. */
export const plainRecords = (baseOffset: number, count: number): TestRecord[] =>
  Array.from({ length: count }, (_, index) => ({ offsetDelta: index, value: Buffer.from(`v${baseOffset + index}`) }))

/** The marker that ends a transaction. */
export const endMarker = (baseOffset: number, producerId: bigint, type: 'abort' | 'commit'): Buffer =>
  encodeBatch({
    baseOffset,
    producerId,
    transactional: true,
    control: true,
    records: [{ offsetDelta: 0, key: Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]), value: Buffer.alloc(6) }],
  })
