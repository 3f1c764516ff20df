import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { PoolError } from '#src/errors.js'
import type { AbortedTransaction } from '#src/kafka/records/aborted-transactions.js'
import { loadCodecs } from '#src/kafka/records/codecs.js'
import { decodeRecordSet } from '#src/kafka/records/record-set.js'
import { compressed, entry, signEntry } from '../../../support/kafka/message-set-encoder.js'
import {
  encodeBatch,
  encodeRecord,
  endMarker,
  plainRecords,
  sign,
  type TestRecord,
  varint,
} from '../../../support/kafka/record-encoder.js'

/*
 * What a producer or a broker can put into bytes whose checksum is right. Whatever it is, the decoder answers with
 * messages that can be handled and committed, or with the reason why the partition stands still.
 */

const codecs = await loadCodecs({})

const decode = (set: Buffer, fetchOffset = 0, aborted: readonly AbortedTransaction[] = []) =>
  decodeRecordSet(set, {
    topic: 't',
    partition: 3,
    fetchOffset,
    maxBytes: 1 << 20,
    aborted,
    codecs,
    maxDecompressedBytes: 1 << 20,
  })

/** A varint that goes on behind the bits that a number has. */
const OVER_LONG = Buffer.alloc(5, 0xff)

/** A record of which some fields are bytes as they are given, so that they can be wrong. */
const rawRecord = (fields: {
  offsetDelta?: Buffer
  timestampDelta?: Buffer
  key?: Buffer
  headers?: Buffer
}): Buffer => {
  const { offsetDelta = varint(0), timestampDelta = varint(0), key = varint(-1), headers = varint(0) } = fields
  const content = Buffer.concat([
    Buffer.from([0]),
    timestampDelta,
    offsetDelta,
    key,
    varint(1),
    Buffer.from('v'),
    headers,
  ])
  return Buffer.concat([varint(content.length), content])
}

const rawBatch = (...records: Buffer[]): Buffer =>
  encodeBatch({ baseOffset: 0, lastOffsetDelta: 9, records: [], count: records.length, body: Buffer.concat(records) })

const record = (offsetDelta: number): Buffer => encodeRecord({ offsetDelta, value: Buffer.from('v') })

const withHeader = (write: (batch: Buffer) => void): Buffer => {
  const batch = encodeBatch({ baseOffset: 5, records: plainRecords(5, 3) })
  write(batch)
  return sign(batch)
}

const wrapper = (offset: number, innerOffsets: readonly number[]): Buffer => {
  const list = innerOffsets.map((inner) => ({ offset: inner, key: null, value: Buffer.from('v'), timestamp: 0 }))
  return compressed(1, list, offset)
}

const v = Buffer.from('v')

describe('a batch whose checksum is right is undecodable, and nothing of it is shown, when', () => {
  it.each<[string, Buffer]>([
    ['the offset of a record is an over-long number', rawBatch(rawRecord({ offsetDelta: OVER_LONG }))],
    ['the length of a record is an over-long number', rawBatch(Buffer.concat([OVER_LONG, record(0)]))],
    ['the length of a key is an over-long number', rawBatch(rawRecord({ key: OVER_LONG }))],
    ['the number of headers is an over-long number', rawBatch(rawRecord({ headers: OVER_LONG }))],
    ['the number of headers is below zero', rawBatch(rawRecord({ headers: varint(-2) }))],
    ['a header has no name', rawBatch(rawRecord({ headers: Buffer.concat([varint(1), varint(-1), varint(-1)]) }))],
    ['a time is an over-long number', rawBatch(rawRecord({ timestampDelta: Buffer.alloc(11, 0xff).fill(1, 10) }))],
    ['a record stands before its batch', rawBatch(record(-1))],
    ['a record stands behind its batch', rawBatch(record(10))],
    ['two records have the same offset', rawBatch(record(0), record(1), record(1))],
    ['records go backwards', rawBatch(record(3), record(2))],
    ['there are more records than are announced', withHeader((batch) => batch.writeInt32BE(2, 57))],
    ['there are fewer records than are announced', withHeader((batch) => batch.writeInt32BE(4, 57))],
    ['the number of records is below zero', withHeader((batch) => batch.writeInt32BE(-1, 57))],
    ['it ends before it begins', withHeader((batch) => batch.writeInt32BE(-1, 23))],
    ['it begins below zero', withHeader((batch) => batch.writeBigInt64BE(-1n, 0))],
    ['it ends beyond 2^53', withHeader((batch) => batch.writeBigInt64BE(2n ** 53n - 2n, 0))],
    ['its length is below zero', withHeader((batch) => batch.writeInt32BE(-1, 8))],
    ['it is shorter than its own header', withHeader((batch) => batch.writeInt32BE(48, 8))],
    ['its format is none', withHeader((batch) => batch.writeInt8(3, 16))],
    ['an old message begins below zero', entry(1, { offset: -1, key: null, value: v, timestamp: 0 })],
    ['a set within a message goes backwards', wrapper(9, [1, 0, 2])],
    ['a set within a message begins below zero', wrapper(1, [0, 1, 2])],
    [
      'a set within a message of format 0 ends behind it',
      compressed(0, [{ offset: 7, key: null, value: v, timestamp: 0 }], 6),
    ],
    ['a set within a message is empty', wrapper(3, [])],
    ['a compressed message has no set', entry(1, { offset: 0, key: null, value: null, timestamp: 0, compression: 1 })],
    [
      'a set within a message holds a set',
      compressed(1, [{ offset: 0, key: null, value: v, timestamp: 0, compression: 1 }], 0),
    ],
  ])('%s', async (_, set) => {
    const { batch, undecodable } = await decode(set)
    expect(undecodable).toMatchObject({ code: 'KCP_BATCH_UNDECODABLE', topic: 't', partition: 3 })
    expect(batch).toBeNull()
  })

  it('it begins before the one in front of it has ended', async () => {
    const first = encodeBatch({ baseOffset: 0, records: plainRecords(0, 3) })
    const second = encodeBatch({ baseOffset: 2, records: plainRecords(2, 3) })
    expect((await decode(Buffer.concat([first, second]))).batch?.offsets).toEqual([0, 1, 2])
    expect((await decode(Buffer.concat([first, second]), 3)).undecodable).toMatchObject({
      code: 'KCP_BATCH_UNDECODABLE',
    })
  })

  it('it is a marker of a transaction that does not say which', async () => {
    const sent = encodeBatch({ baseOffset: 0, producerId: 1n, transactional: true, records: plainRecords(0, 2) })
    const marker = endMarker(2, 1n, 'abort')
    const mute = encodeBatch({
      baseOffset: 2,
      producerId: 1n,
      transactional: true,
      control: true,
      records: [{ offsetDelta: 0, key: Buffer.alloc(2) }],
    })
    const aborted = [{ producerId: 1n, firstOffset: 0 }]
    expect((await decode(Buffer.concat([sent, marker]), 0, aborted)).batch?.nextOffset).toBe(3)
    expect((await decode(Buffer.concat([sent, mute]), 0, aborted)).batch?.nextOffset).toBe(2)
    expect((await decode(mute, 2, aborted)).undecodable).toMatchObject({ code: 'KCP_BATCH_UNDECODABLE' })
  })
})

const int32 = fc.oneof(fc.integer(), fc.integer({ min: -3, max: 30 }))
const int64 = fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.bigInt({ min: -3n, max: 40n }))
const number = fc.oneof(
  fc.integer({ min: -3, max: 40 }).map(varint),
  fc.integer().map(varint),
  fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
  fc.constant(OVER_LONG),
)
const splice = fc.record({ at: fc.nat(400), remove: fc.nat(12), insert: number })
const splices = fc.array(splice, { maxLength: 3 })

const spliced = (bytes: Buffer, list: readonly { at: number; remove: number; insert: Buffer }[]): Buffer =>
  list.reduce((whole, { at, remove, insert }) => {
    const start = whole.length === 0 ? 0 : at % whole.length
    return Buffer.concat([whole.subarray(0, start), insert, whole.subarray(start + remove)])
  }, bytes)

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 3 })

const header = fc.record({
  baseOffset: optional(int64),
  length: optional(int32),
  attributes: optional(fc.integer({ min: 0, max: 0x3f })),
  lastOffsetDelta: optional(int32),
  count: optional(int32),
})

const testRecords: TestRecord[] = [
  { offsetDelta: 0, key: Buffer.from('key'), value: Buffer.from('value') },
  {
    offsetDelta: 1,
    timestampDelta: 70_000,
    value: null,
    headers: [
      ['a', Buffer.from('b')],
      ['c', null],
    ],
  },
  { offsetDelta: 4, value: Buffer.alloc(70, 'x') },
]

const batches = fc
  .record({ base: fc.nat(20), codec: fc.constantFrom(0, 0, 1), body: splices, control: fc.boolean(), header })
  .map(({ base, codec, body, control, header: { baseOffset, length, attributes, lastOffsetDelta, count } }) => {
    const records = control ? [{ offsetDelta: 0, key: Buffer.alloc(4) }] : testRecords
    const bytes = encodeBatch({
      baseOffset: base,
      codec,
      control,
      producerId: 1n,
      transactional: true,
      records,
      transform: (plain) => spliced(plain, body),
    })
    if (baseOffset !== undefined) bytes.writeBigInt64BE(baseOffset, 0)
    if (length !== undefined) bytes.writeInt32BE(length, 8)
    if (attributes !== undefined) bytes.writeInt16BE(attributes, 21)
    if (lastOffsetDelta !== undefined) bytes.writeInt32BE(lastOffsetDelta, 23)
    if (count !== undefined) bytes.writeInt32BE(count, 57)
    return sign(bytes)
  })

const oldEntries = fc
  .record({
    magic: fc.constantFrom(0, 1),
    offset: fc.integer({ min: -2, max: 2 ** 31 }),
    inner: fc.array(fc.integer({ min: -2, max: 10 }), { maxLength: 4 }),
    zip: fc.boolean(),
    whole: splices,
  })
  .map(({ magic, offset, inner, zip, whole }) => {
    const message = { offset, key: null, value: v, timestamp: 7 }
    const list = inner.map((place) => ({ ...message, offset: place }))
    const bytes = zip ? compressed(magic, list, offset) : entry(magic, message)
    return signEntry(spliced(bytes, whole))
  })

describe('whatever the bytes', () => {
  it('the answer is messages in order that can be read and committed, or the reason why there are none', async () => {
    const sets = fc.array(fc.oneof({ weight: 3, arbitrary: batches }, oldEntries), { minLength: 1, maxLength: 3 })
    const aborted = fc.array(fc.record({ producerId: fc.constantFrom(1n, 2n), firstOffset: fc.nat(20) }), {
      maxLength: 2,
    })
    await fc.assert(
      fc.asyncProperty(sets, fc.nat(20), aborted, async (entries, fetchOffset, transactions) => {
        const { batch, undecodable } = await decode(Buffer.concat(entries), fetchOffset, transactions)
        if (batch === null) {
          expect(undecodable).toBeInstanceOf(PoolError)
          return
        }
        const { messages, offsets, nextOffset, bytes } = batch
        expect(undecodable).toBeNull()
        expect(bytes).toBeGreaterThanOrEqual(0)
        expect(Number.isSafeInteger(nextOffset) && nextOffset > fetchOffset).toBe(true)
        expect(messages.length).toBe(offsets.length)
        let before = fetchOffset - 1
        for (const [index, offset] of offsets.entries()) {
          expect(Number.isSafeInteger(offset) && offset > before && offset < nextOffset).toBe(true)
          before = offset
          expect(messages[index]?.toJSON().offset).toBe(String(offset))
        }
      }),
      { numRuns: 2_000 },
    )
  }, 60_000)
})
