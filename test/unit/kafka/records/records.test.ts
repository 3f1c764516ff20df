import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Message } from '#src/kafka/message.js'
import { asFetched } from '#src/kafka/records/assigned-fields.js'
import { type Codecs, loadCodecs } from '#src/kafka/records/codecs.js'
import { decodeRecordSet, type RecordSetOptions } from '#src/kafka/records/record-set.js'
import { heapBytes } from '../../../support/heap-bytes.js'
import {
  encodeBatch,
  encodeRecord,
  endMarker,
  kafkajsFile,
  plainRecords,
  sign,
  type TestBatch,
  type TestRecord,
} from '../../../support/kafka/record-encoder.js'

const codecs: Codecs = await loadCodecs({})

const decode = (set: Buffer | readonly Buffer[], options: Partial<RecordSetOptions> = {}) =>
  decodeRecordSet(Buffer.isBuffer(set) ? set : Buffer.concat(set), {
    topic: 't',
    partition: 3,
    fetchOffset: 0,
    maxBytes: 1 << 20,
    aborted: [],
    codecs,
    maxDecompressedBytes: 1 << 20,
    ...options,
  })

const decodeAll = async (set: Buffer | readonly Buffer[], options: Partial<RecordSetOptions> = {}) => {
  const { batch, undecodable } = await decode(set, options)
  expect(undecodable).toBeNull()
  if (batch === null) throw new Error('nothing was decoded')
  return batch
}

const valuesOf = (messages: readonly Message[]) => messages.map(({ value }) => value?.toString())

const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array))
const nullableBytes = fc.option(bytes)
const names = fc.constantFrom('a', 'b', 'é', '', '__proto__', 'constructor', 'toString')

const records = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 1, max: 300 }),
      timestampDelta: fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
      key: nullableBytes,
      value: nullableBytes,
      headers: fc.array(fc.tuple(names, nullableBytes), { maxLength: 5 }),
    }),
    { minLength: 1, maxLength: 20 },
  )
  .map((list) => {
    let offsetDelta = -1
    return list.map(({ gap, ...rest }) => {
      offsetDelta += gap
      return { ...rest, offsetDelta }
    })
  })

const batchOf = fc.record({
  records,
  baseOffset: fc.integer({ min: 0, max: 2 ** 45 }),
  baseTimestamp: fc.bigInt({ min: -1n, max: 2n ** 52n }),
  codec: fc.constantFrom(0, 1),
  tail: fc.integer({ min: 0, max: 5 }),
})

const withTail = ({ tail, ...batch }: { tail: number } & TestBatch): TestBatch => ({
  ...batch,
  lastOffsetDelta: (batch.records.at(-1)?.offsetDelta ?? 0) + tail,
})

const headersOf = (headers: NonNullable<TestRecord['headers']>) => {
  const grouped = new Map<string, (Buffer | null)[]>()
  for (const [name, value] of headers) grouped.set(name, [...(grouped.get(name) ?? []), value])
  return [...grouped].map(([name, list]) => [name, list.length === 1 ? list[0] : list])
}

describe('messages', () => {
  it('have every field as it was written: nulls, empty buffers, repeated and hostile header names, gaps, gzip', async () => {
    await fc.assert(
      fc.asyncProperty(batchOf, async (drawn) => {
        const batch = withTail(drawn)
        const { messages, offsets, nextOffset } = await decodeAll(encodeBatch(batch), { fetchOffset: batch.baseOffset })
        expect(nextOffset).toBe(batch.baseOffset + (batch.lastOffsetDelta ?? 0) + 1)
        expect(messages).toHaveLength(batch.records.length)
        batch.records.forEach((record, index) => {
          const message = messages[index] as Message
          expect(message.offset).toBe(String(batch.baseOffset + record.offsetDelta))
          expect(offsets[index]).toBe(batch.baseOffset + record.offsetDelta)
          expect(message.timestamp).toBe(String((batch.baseTimestamp ?? 0n) + BigInt(record.timestampDelta ?? 0)))
          expect(message.key).toEqual(record.key)
          expect(message.value).toEqual(record.value)
          expect(Object.getPrototypeOf(message.headers)).toBeNull()
          expect(Object.entries(message.headers)).toEqual(headersOf(record.headers ?? []))
          expect([message.topic, message.partition, message.attributes]).toEqual(['t', 3, 0])
        })
      }),
    )
  })

  it('are what kafkajs decodes from what kafkajs encodes', async () => {
    const Record = kafkajsFile('protocol/recordBatch/record/v0')
    const { RecordBatch } = kafkajsFile('protocol/recordBatch/v0')
    const Decoder = kafkajsFile('protocol/decoder')
    const decodeTheirs = kafkajsFile('protocol/recordBatch/v0/decoder')
    await fc.assert(
      fc.asyncProperty(batchOf, async ({ records, baseOffset, baseTimestamp, codec }) => {
        const { buffer } = await RecordBatch({
          compression: codec,
          firstOffset: String(baseOffset),
          firstTimestamp: String(baseTimestamp),
          maxTimestamp: String(baseTimestamp),
          lastOffsetDelta: records.at(-1)?.offsetDelta,
          records: records.map(({ headers, ...record }) => {
            // It takes no null values, and mixes names such as toString up with what every object has.
            const sendable = headers.flatMap(([name, value]) => (value === null || name in {} ? [] : [[name, value]]))
            return Record({ ...record, headers: Object.fromEntries(sendable) })
          }),
        })
        const theirs = await decodeTheirs(new Decoder(buffer))
        const { messages } = await decodeAll(buffer, { fetchOffset: baseOffset })
        expect(messages.map((message) => ({ ...message.toJSON(), headers: { ...message.headers } }))).toEqual(
          theirs.records.map(({ key, value, headers, offset, timestamp, attributes }: Message) => ({
            topic: 't',
            partition: 3,
            key,
            value,
            headers,
            offset,
            timestamp,
            attributes,
          })),
        )
      }),
    )
  })

  const one = async (): Promise<Message> => {
    const set = encodeBatch({ baseOffset: 5, records: plainRecords(5, 1) })
    return (await decodeAll(set, { fetchOffset: 5 })).messages[0] as Message
  }

  it('copy no field when they are spread, which the compiler knows, and everything with toJSON', async () => {
    const message = await one()
    const spread = { ...message }
    // @ts-expect-error There is no value in it.
    expect(spread.value).toBeUndefined()
    const { topic, ...rest } = message
    // @ts-expect-error Nor in this.
    expect([topic, rest.value]).toEqual(['t', undefined])
    const plain = { ...message.toJSON() }
    expect(plain.value).toEqual(Buffer.from('v5'))
    expect(structuredClone(plain)).toMatchObject({ topic: 't', offset: '5' })
    expect(message.toJSON()).toMatchObject({
      topic: 't',
      partition: 3,
      offset: '5',
      value: Buffer.from('v5'),
      key: null,
    })
  })

  it('do not go on without a word as what a spread, a rest pattern or a clone makes of them', async () => {
    const message = await one()
    const { topic, ...rest } = message
    for (const copy of [{ ...message }, rest, Object.assign({}, message), Object.assign({ topic }, rest)]) {
      expect(() => JSON.stringify(copy)).toThrow('Copy message.toJSON() instead')
    }
    expect(() => structuredClone(message)).toThrow('copyWithToJSON')
    expect(JSON.parse(JSON.stringify({ message }))).toMatchObject({ message: { topic: 't', offset: '5' } })
  })

  it('can be assigned to, each by itself, and show what was assigned everywhere', async () => {
    const message = await one()
    message.value = Buffer.from('mine')
    message.headers = { a: null }
    expect([message.value, message.offset]).toEqual([Buffer.from('mine'), '5'])
    expect({ ...message }).toMatchObject({ value: Buffer.from('mine'), headers: { a: null } })
    expect(message.toJSON()).toMatchObject({ offset: '5', value: Buffer.from('mine'), headers: { a: null } })
    expect((await one()).value).toEqual(Buffer.from('v5'))
    asFetched(message)
    expect(message.toJSON()).toEqual((await one()).toJSON())
  })

  it.each([
    ['not compressed', 0],
    ['compressed', 1],
  ])('keep their bytes when a handler hands those of one of them over to another thread (%s)', async (_, codec) => {
    const records = [0, 1].map((offsetDelta) => ({ offsetDelta, value: Buffer.alloc(10_000, offsetDelta) }))
    const { messages } = await decodeAll(encodeBatch({ baseOffset: 0, codec, records }))
    const [first, second] = messages.map(({ value }) => value as Buffer)
    try {
      structuredClone(first, { transfer: [first?.buffer as ArrayBuffer] })
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' }) // as newer Nodes do instead of cloning
    }
    expect(second).toHaveLength(10_000)
    expect(messages[1]?.value).toEqual(records[1]?.value)
  })

  it('have the time of the append when the topic says so', async () => {
    const batch = encodeBatch({ baseOffset: 0, logAppendTime: true, maxTimestamp: 42n, records: plainRecords(0, 2) })
    expect((await decodeAll(batch)).messages.map(({ timestamp }) => timestamp)).toEqual(['42', '42'])
  })
})

describe('a set of batches', () => {
  const three = [0, 10, 20].map((baseOffset) => encodeBatch({ baseOffset, records: plainRecords(baseOffset, 10) }))

  it('cut off anywhere yields the whole batches before the cut', async () => {
    const set = Buffer.concat(three)
    const whole = three[0]?.length ?? 0
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: set.length }), async (cut) => {
        const { batch, undecodable } = await decode(set.subarray(0, cut))
        const complete = three.filter(
          (_, index) => cut >= three.slice(0, index + 1).reduce((sum, b) => sum + b.length, 0),
        )
        expect(batch?.messages.length ?? 0).toBe(complete.length * 10)
        // Nothing is nothing new, but bytes without a whole batch are an answer that leads nowhere.
        expect(undecodable === null).toBe(cut === 0 || cut >= whole)
        if (cut < whole) expect(batch).toBeNull()
        else expect(batch?.nextOffset).toBe(complete.length * 10)
      }),
    )
  })

  it('shows nothing below the fetch offset', async () => {
    const { messages, offsets, nextOffset } = await decodeAll(three, { fetchOffset: 17 })
    expect(valuesOf(messages)).toEqual(['v17', 'v18', 'v19', ...Array.from({ length: 10 }, (_, i) => `v${20 + i}`)])
    expect(offsets[0]).toBe(17)
    expect(nextOffset).toBe(30)
  })

  it('goes on behind records that the log cleaner removed, and behind batches that it emptied', async () => {
    const compacted = encodeBatch({ baseOffset: 0, lastOffsetDelta: 9, records: [{ offsetDelta: 4, value: null }] })
    const emptied = encodeBatch({ baseOffset: 10, lastOffsetDelta: 9, records: [] })
    const { offsets, nextOffset } = await decodeAll([compacted, emptied])
    expect(offsets).toEqual([4])
    expect(nextOffset).toBe(20)
    expect(await decodeAll(emptied, { fetchOffset: 12 })).toMatchObject({ messages: [], nextOffset: 20 })
    expect(await decodeAll(compacted, { fetchOffset: 6 })).toMatchObject({ messages: [], nextOffset: 10 })
  })

  it('counts the memory that its messages keep alive: the bytes that they point to, and the objects', async () => {
    const plain = plainRecords(0, 100)
    const set = encodeBatch({ baseOffset: 0, records: plain })
    const objects = (await decodeAll(set)).bytes - set.length
    expect(objects).toBeGreaterThan(100 * 60)
    const zipped = encodeBatch({ baseOffset: 0, codec: 1, records: plain })
    const unzipped = Buffer.concat(plain.map(encodeRecord)).length
    expect(await decodeAll(zipped)).toMatchObject({ bytes: unzipped + objects, receivedBytes: zipped.length })
    const hidden = endMarker(0, 7n, 'commit')
    expect((await decodeAll(hidden)).bytes).toBe(0)
  })

  it.each([
    [1, 20_000],
    [10, 5_000],
    [5_000, 20],
  ])('counts no less for batches of %i small records than V8 needs', async (count, batches) => {
    const records = Array.from({ length: count }, (_, offsetDelta) => ({ offsetDelta, value: Buffer.alloc(8) }))
    const all = Array.from({ length: batches }, (_, n) => encodeBatch({ baseOffset: n * count, records }))
    const set = Buffer.concat(all)
    await decodeAll(all.slice(0, 10))
    const before = heapBytes()
    const batch = await decodeAll(set)
    const needed = heapBytes() - before
    const counted = batch.bytes - set.length
    expect(counted / needed).toBeGreaterThan(0.8)
  })

  it('ends where the room ends, and goes on from there', async () => {
    const value = Buffer.alloc(100_000)
    const zipped = Array.from({ length: 20 }, (_, baseOffset) =>
      encodeBatch({ baseOffset, codec: 1, records: [{ offsetDelta: 0, value }] }),
    )
    const roomBytes = 250_000
    let fetchOffset = 0
    for (const nextOffset of [3, 6]) {
      const batch = await decodeAll(zipped.slice(fetchOffset), { fetchOffset, roomBytes })
      expect(batch.nextOffset).toBe(nextOffset)
      expect(batch.bytes).toBeLessThan(roomBytes + 101_000)
      expect(batch.receivedBytes).toBe(
        zipped.slice(fetchOffset, nextOffset).reduce((sum, { length }) => sum + length, 0),
      )
      fetchOffset = nextOffset
    }
    expect((await decodeAll(zipped, { roomBytes: 1 })).nextOffset).toBe(1)
  })

  it('yields what comes before a batch that cannot be decoded, and the reason when that batch comes first', async () => {
    const [first, second] = three as [Buffer, Buffer]
    const damaged = Buffer.from(second)
    damaged[70] = (damaged[70] ?? 0) ^ 1
    expect(valuesOf((await decodeAll([first, damaged])).messages)).toHaveLength(10)
    const { batch, undecodable } = await decode(damaged, { fetchOffset: 10 })
    expect(batch).toBeNull()
    expect(undecodable).toMatchObject({ code: 'KCP_BATCH_UNDECODABLE', topic: 't', partition: 3, offset: '10' })
    expect(undecodable?.message).toMatch(/offset 10 of t\[3\].*checksum/)
  })

  it('is undecodable when any one bit of a batch behind its header is wrong', async () => {
    const batch = encodeBatch({ baseOffset: 0, records: plainRecords(0, 5) })
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 21 * 8, max: batch.length * 8 - 1 }), async (bit) => {
        const damaged = Buffer.from(batch)
        damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(await decode(damaged)).toMatchObject({ batch: null, undecodable: { code: 'KCP_BATCH_UNDECODABLE' } })
      }),
      { examples: [[22 * 8 + 5], [23 * 8 + 7]] }, // the flag of a control batch; a last offset below zero
    )
  })

  it('written wrongly but signed rightly never makes a message that fails when it is read', async () => {
    const batch = encodeBatch({
      baseOffset: 0,
      records: [
        { offsetDelta: 0, key: Buffer.from('key'), value: Buffer.from('value'), headers: [['a', Buffer.from('b')]] },
      ],
    })
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 57, max: batch.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        async (at, byte) => {
          const wrong = Buffer.from(batch)
          wrong[at] = byte
          const decoded = await decode(sign(wrong))
          for (const message of decoded.batch?.messages ?? []) expect(() => message.toJSON()).not.toThrow()
          if (decoded.batch === null) expect(decoded.undecodable).toMatchObject({ code: 'KCP_BATCH_UNDECODABLE' })
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('keeps nothing of a later batch of which only the first records can be read', async () => {
    const second = encodeBatch({ baseOffset: 10, records: plainRecords(10, 3), count: 4 })
    const { messages, offsets, nextOffset } = await decodeAll([three[0] as Buffer, second])
    expect([messages.length, offsets.length, nextOffset]).toEqual([10, 10, 10])
    expect((await decode(second, { fetchOffset: 10 })).undecodable).toMatchObject({ code: 'KCP_BATCH_UNDECODABLE' })
  })

  it('with a record that is longer than its fields is undecodable', async () => {
    const body = encodeRecord({ offsetDelta: 0, value: Buffer.from('v') })
    body[0] = (body[0] ?? 0) + 2 // one byte more, as a zig-zag varint
    const batch = encodeBatch({ baseOffset: 0, records: [], count: 1, body: Buffer.concat([body, Buffer.alloc(1)]) })
    expect((await decode(batch)).undecodable?.message).toContain('does not end where it should')
  })

  it('with a first batch that the broker cut off at the limit says how large it is', async () => {
    const batch = encodeBatch({ baseOffset: 7, records: plainRecords(7, 50) })
    const cutOff = batch.subarray(0, 100)
    const sizes = { batchBytes: batch.length, cameBytes: 100 }
    expect(await decode(cutOff, { fetchOffset: 7, maxBytes: 100 })).toEqual({
      ...{ batch: null, cutOff: sizes, undecodable: null },
    })
  })

  it('of which so little was asked for that its size did not come is one that was cut off', async () => {
    const batch = encodeBatch({ baseOffset: 7, records: plainRecords(7, 50) })
    const { cutOff, undecodable } = await decode(batch.subarray(0, 1), { fetchOffset: 7, maxBytes: 1 })
    expect({ cutOff, undecodable }).toEqual({ cutOff: { batchBytes: 12, cameBytes: 1 }, undecodable: null })
  })

  it.each([16, 17, 60, 200])('of which %i bytes came, though more were allowed, says so', async (cut) => {
    const batch = encodeBatch({ baseOffset: 7, records: plainRecords(7, 50) })
    const { batch: none, undecodable } = await decode(batch.subarray(0, cut), { fetchOffset: 7 })
    expect(none).toBeNull()
    expect(undecodable).toMatchObject({ code: 'KCP_BATCH_UNDECODABLE', topic: 't', partition: 3, offset: '7' })
    expect(undecodable?.message).toContain(`${cut} of its ${batch.length} bytes`)
  })

  it('that all end before the offset that was asked for says so', async () => {
    const { batch, undecodable } = await decode(three, { fetchOffset: 30 })
    expect(batch).toBeNull()
    expect(undecodable).toMatchObject({ code: 'KCP_BATCH_UNDECODABLE', offset: '30' })
    expect(undecodable?.message).toContain('offset 29')
  })

  it('with offsets beyond 2^53 is refused with the offset', async () => {
    const batch = encodeBatch({ baseOffset: 0, records: plainRecords(0, 1) })
    batch.writeBigInt64BE(2n ** 60n, 0)
    const { undecodable } = await decode(batch)
    expect(undecodable?.message).toContain(String(2n ** 60n))
  })
})

describe('transactions', () => {
  const sent = (baseOffset: number, producerId: bigint) =>
    encodeBatch({ baseOffset, producerId, transactional: true, records: plainRecords(baseOffset, 2) })

  const table = [
    {
      title: 'an aborted one is hidden, with its marker',
      set: [sent(0, 1n), endMarker(2, 1n, 'abort'), encodeBatch({ baseOffset: 3, records: plainRecords(3, 1) })],
      aborted: [{ producerId: 1n, firstOffset: 0 }],
      shown: ['v3'],
    },
    {
      title: 'a committed one is shown, without its marker',
      set: [sent(0, 1n), endMarker(2, 1n, 'commit')],
      aborted: [],
      shown: ['v0', 'v1'],
    },
    {
      title: 'the next one of a producer that aborted is shown',
      set: [sent(0, 1n), endMarker(2, 1n, 'abort'), sent(3, 1n), endMarker(5, 1n, 'commit')],
      aborted: [{ producerId: 1n, firstOffset: 0 }],
      shown: ['v3', 'v4'],
    },
    {
      title: 'two of one producer that both aborted are hidden',
      set: [sent(0, 1n), endMarker(2, 1n, 'abort'), sent(3, 1n), endMarker(5, 1n, 'abort')],
      aborted: [
        { producerId: 1n, firstOffset: 3 },
        { producerId: 1n, firstOffset: 0 },
      ],
      shown: [],
    },
    {
      title: 'interleaved with another producer, only the aborted one is hidden',
      set: [sent(0, 1n), sent(2, 2n), sent(4, 1n), endMarker(6, 2n, 'commit'), endMarker(7, 1n, 'abort'), sent(8, 2n)],
      aborted: [{ producerId: 1n, firstOffset: 0 }],
      shown: ['v2', 'v3', 'v8', 'v9'],
    },
    {
      title: 'one that began before the fetch offset is hidden to its end',
      set: [sent(4, 1n), endMarker(6, 1n, 'abort'), sent(7, 1n)],
      aborted: [{ producerId: 1n, firstOffset: 0 }],
      fetchOffset: 5,
      shown: ['v7', 'v8'],
    },
    {
      title: 'what the producer of an aborted one sends outside of transactions is shown',
      set: [sent(0, 1n), encodeBatch({ baseOffset: 2, producerId: 1n, records: plainRecords(2, 1) })],
      aborted: [{ producerId: 1n, firstOffset: 0 }],
      shown: ['v2'],
    },
    {
      title: 'without a list (uncommitted reads) all is shown but the markers',
      set: [sent(0, 1n), endMarker(2, 1n, 'abort')],
      aborted: [],
      shown: ['v0', 'v1'],
    },
  ]
  it.each(table)('$title', async ({ set, aborted, shown, fetchOffset = 0 }) => {
    const { messages, nextOffset } = await decodeAll(set, { aborted, fetchOffset })
    expect(valuesOf(messages)).toEqual(shown)
    const last = set.at(-1) as Buffer
    expect(nextOffset).toBe(Number(last.readBigInt64BE(0)) + last.readInt32BE(23) + 1)
  })
})

describe('codecs', () => {
  const snappy = encodeBatch({ baseOffset: 9, codec: 2, records: plainRecords(9, 1) })

  it('that are not there are named with the package to install and the line to configure', async () => {
    const { batch, undecodable } = await decode(snappy, { fetchOffset: 9 })
    expect(batch).toBeNull()
    expect(undecodable).toMatchObject({ code: 'KCP_CODEC_MISSING', topic: 't', partition: 3, offset: '9' })
    expect(undecodable?.message).toContain('snappy')
    expect(undecodable?.message).toContain('Install kafkajs-snappy')
    expect(undecodable?.message).toContain("codecs: { snappy: 'kafkajs-snappy' }")
  })

  it('may answer later', async () => {
    const reverse = new Map([[2, async (body: Buffer) => Buffer.from(body).reverse()]])
    const body = Buffer.concat(plainRecords(9, 3).map(encodeRecord)).reverse()
    const batch = encodeBatch({ baseOffset: 9, codec: 2, records: plainRecords(9, 3), body })
    expect(valuesOf((await decodeAll(batch, { codecs: reverse })).messages)).toEqual(['v9', 'v10', 'v11'])
  })

  it('stop at the limit for one batch and say so', async () => {
    const batch = encodeBatch({ baseOffset: 4, codec: 1, records: [{ offsetDelta: 0, value: Buffer.alloc(5_000) }] })
    const { undecodable } = await decode(batch, { maxDecompressedBytes: 1_000 })
    expect(undecodable?.message).toContain('consumer.maxDecompressedBytes = 1000')
    expect(undecodable).toMatchObject({ code: 'KCP_BATCH_TOO_LARGE', topic: 't', partition: 3, offset: '4' })
    expect(undecodable?.message).toMatch(/more than 1000 bytes.*Raise that option/)
    await decodeAll(batch, { maxDecompressedBytes: 6_000 })
  })

  it.each([
    ['compressed', 1],
    ['not compressed', 0],
  ])('stop at the limit for the objects, too, before any is made: small records are many (%s)', async (_, codec) => {
    const records = Array.from({ length: 1_000 }, (_, offsetDelta) => ({ offsetDelta }))
    const batch = encodeBatch({ baseOffset: 0, codec, records })
    const { batch: none, undecodable } = await decode(batch, { maxDecompressedBytes: 79_999 })
    expect(none).toBeNull()
    expect(undecodable).toMatchObject({ code: 'KCP_BATCH_TOO_LARGE' })
    expect(undecodable?.message).toContain('1000 messages, which take 80000 bytes as objects')
    expect((await decodeAll(batch, { maxDecompressedBytes: 80_000 })).messages).toHaveLength(1_000)
  })

  it('that fail make the batch undecodable', async () => {
    const batch = encodeBatch({ baseOffset: 0, codec: 1, records: plainRecords(0, 1), body: Buffer.from('not gzip') })
    expect((await decode(batch)).undecodable).toMatchObject({ code: 'KCP_BATCH_UNDECODABLE' })
  })
})
