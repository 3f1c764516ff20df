import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { memoryOf, type RawMessage } from '#src/kafka/raw-message.js'
import { loadCodecs } from '#src/kafka/records/codecs.js'
import { rawMessage } from '#src/kafka/records/raw-records.js'
import { decodeRecordSet } from '#src/kafka/records/record-set.js'
import { encodeBatch, writeVarint } from '#src/kafka/records/record-writer.js'
import { entry } from '../../../support/kafka/message-set-encoder.js'
import { kafkajsFile, varint } from '../../../support/kafka/record-encoder.js'

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => new Uint8Array(array))
const nullable = fc.option(bytes, { nil: null, freq: 4 })
const int64 = fc.bigInt({ min: -1n, max: 2n ** 63n - 1n })
const anyMessage: fc.Arbitrary<RawMessage> = fc.record({
  key: nullable,
  value: nullable,
  headers: fc.array(fc.tuple(fc.oneof(bytes, fc.constantFrom('10', '2', 'a', '__proto__', '').map(text)), nullable)),
  timestamp: int64,
})

function text(of: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(of))
}

const decode = async (set: Buffer) => {
  const place = { topic: 't', partition: 0, fetchOffset: 0 }
  const limits = { maxBytes: 2 ** 30, maxDecompressedBytes: 2 ** 30 }
  return decodeRecordSet(set, { ...place, ...limits, aborted: [], codecs: await loadCodecs({}) })
}

test('what is written is read as it was, byte for byte, in its order, compressed or not', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyMessage, { minLength: 1, maxLength: 8 }), fc.boolean(), async (messages, compress) => {
      const { batch, undecodable } = await decode(await encodeBatch(messages, { compress }))
      expect(undecodable).toBeNull()
      expect(batch?.messages.map(rawMessage)).toEqual(messages)
      expect(batch?.offsets).toEqual(messages.map((_, index) => index))
    }),
  )
})

test("kafkajs's decoder reads it, too", async () => {
  const Decoder = kafkajsFile('protocol/decoder')
  const decodeBatch = kafkajsFile('protocol/recordBatch/v0/decoder')
  const message = {
    key: text('k'),
    value: null,
    headers: [
      [text('a'), text('1')],
      [text('a'), null],
    ],
    timestamp: 5n,
  }
  const { records } = await decodeBatch(new Decoder(await encodeBatch([message as unknown as RawMessage])))
  expect(records).toMatchObject([
    { key: Buffer.from('k'), value: null, timestamp: '5', headers: { a: [Buffer.from('1'), null] } },
  ])
})

test('a varint is that of the format, whatever the number', () => {
  fc.assert(
    fc.property(fc.integer(), (value) => {
      expect(writeVarint(value)).toEqual(varint(value))
    }),
  )
})

describe('a raw message', () => {
  const one = async (message: RawMessage) => {
    const { batch } = await decode(await encodeBatch([message]))
    const found = batch?.messages[0]
    if (found === undefined) throw new Error('nothing was decoded')
    return found
  }
  const plain = { key: text('k'), value: text('v'), headers: [[text('h'), text('1')]], timestamp: 7n } as RawMessage

  test('is what was fetched, whatever was assigned to the message', async () => {
    const message = await one(plain)
    Object.assign(message, { value: Buffer.from('other'), headers: {}, timestamp: '0', key: null })
    expect(rawMessage(message)).toEqual(plain)
  })

  test('has memory of its own, no larger than itself', async () => {
    const raw = rawMessage(await one(plain))
    expect(memoryOf(raw).map(({ byteLength }) => byteLength)).toEqual([1, 1, 1, 1])
    expect(new Set(memoryOf(raw)).size).toBe(4)
  })

  test('of the formats before 2 has no headers', async () => {
    const { batch } = await decode(
      entry(1, { offset: 0, timestamp: 9, key: Buffer.from('k'), value: Buffer.from('v') }),
    )
    expect(batch?.messages.map(rawMessage)).toEqual([{ ...plain, headers: [], timestamp: 9n }])
  })

  test('is made of a message and of nothing else', async () => {
    const message = await one(plain)
    expect(() => rawMessage({ ...message.toJSON() } as never)).toThrow('no message that was fetched')
  })
})
