import { inspect } from 'node:util'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Message } from '#src/kafka/message.js'
import { loadCodecs } from '#src/kafka/records/codecs.js'
import { type DecodedRecordSet, decodeRecordSet } from '#src/kafka/records/record-set.js'
import { heapBytes } from '../../../support/heap-bytes.js'
import { compressed, entry, type OldTestMessage, signEntry } from '../../../support/kafka/message-set-encoder.js'
import { encodeBatch, kafkajsFile, plainRecords } from '../../../support/kafka/record-encoder.js'

const codecs = await loadCodecs({})

const decode = (set: Buffer, fetchOffset = 0, maxDecompressedBytes = 1 << 20) =>
  decodeRecordSet(set, {
    topic: 't',
    partition: 0,
    fetchOffset,
    maxBytes: 1 << 20,
    aborted: [],
    codecs,
    maxDecompressedBytes,
  })

/** A message with a set in it, whose offsets count from zero in format 1. */
const setOf = (magic: number, messages: readonly OldTestMessage[]): Buffer => {
  const base = magic === 1 ? (messages[0]?.offset ?? 0) : 0
  const inner = messages.map((message) => ({ ...message, offset: message.offset - base }))
  return compressed(magic, inner, messages.at(-1)?.offset ?? 0)
}

const bytes = fc.option(fc.uint8Array({ maxLength: 30 }).map((array) => Buffer.from(array)))
const messages = fc
  .array(fc.record({ key: bytes, value: bytes, timestamp: fc.nat() }), { minLength: 1, maxLength: 10 })
  .chain((list) => fc.nat(2 ** 31).map((base) => list.map((item, index) => ({ ...item, offset: base + index }))))

describe('messages of formats 0 and 1', () => {
  it.each([0, 1])('are what kafkajs makes of them, plain and compressed (format %i)', async (magic) => {
    const Decoder = kafkajsFile('protocol/decoder')
    const decodeTheirs = kafkajsFile('protocol/messageSet/decoder')
    await fc.assert(
      fc.asyncProperty(messages, fc.boolean(), async (list, zip) => {
        const set = zip ? setOf(magic, list) : Buffer.concat(list.map((item) => entry(magic, item)))
        const theirs = await decodeTheirs(new Decoder(set), set.length)
        const { batch, undecodable } = await decode(set)
        expect(undecodable).toBeNull()
        expect(batch?.messages.map(({ offset, key, value }) => ({ offset, key, value }))).toEqual(
          theirs.map(({ offset, key, value }: Message) => ({ offset, key, value })),
        )
        expect(batch?.messages.map(({ timestamp }) => timestamp)).toEqual(
          list.map(({ timestamp }) => (magic === 0 ? '-1' : String(timestamp))),
        )
        expect(batch?.offsets).toEqual(list.map(({ offset }) => offset))
        expect(batch?.nextOffset).toBe((list.at(-1)?.offset ?? 0) + 1)
      }),
    )
  })

  it('are shown, copied and kept from bad copies like all others', async () => {
    const { batch } = await decode(entry(1, { offset: 7, key: null, value: Buffer.from('old'), timestamp: 5 }))
    const message = batch?.messages[0] as Message
    expect(inspect(message)).toContain("offset: '7'")
    expect(message.toJSON()).toMatchObject({ topic: 't', offset: '7', value: Buffer.from('old') })
    expect(() => JSON.stringify({ ...message })).toThrow('message.toJSON()')
  })

  it('may stand before batches of format 2, as in a topic that was upgraded', async () => {
    const old = entry(1, { offset: 0, key: null, value: Buffer.from('old'), timestamp: 5 })
    const { batch } = await decode(Buffer.concat([old, encodeBatch({ baseOffset: 1, records: plainRecords(1, 1) })]))
    expect(batch?.messages.map(({ value }) => value?.toString())).toEqual(['old', 'v1'])
  })

  it('below the fetch offset are not shown, also inside a compressed one', async () => {
    const list = [5, 6, 7].map((offset) => ({ offset, key: null, value: Buffer.from(`v${offset}`), timestamp: 0 }))
    const { batch } = await decode(setOf(1, list), 7)
    expect(batch?.messages.map(({ offset }) => offset)).toEqual(['7'])
  })

  it('are counted with no less memory than V8 needs for them', async () => {
    const list = Array.from({ length: 10_000 }, (_, offset) => ({
      ...{ offset, key: null, value: Buffer.alloc(8), timestamp: 0 },
    }))
    const set = setOf(1, list)
    for (let n = 0; n < 3; n++) await decode(set)
    const before = heapBytes()
    // Many, so that what else is freed or taken meanwhile is little beside them.
    const decoded: DecodedRecordSet[] = []
    for (let n = 0; n < 20; n++) decoded.push(await decode(set))
    const needed = heapBytes() - before
    const counted = decoded.reduce((sum, { batch }) => sum + (batch?.bytes ?? 0) - list.length * (34 + 8), 0)
    expect(counted / needed).toBeGreaterThan(0.8)
  })

  it('stop at the limit for the objects, as all others do', async () => {
    const list = Array.from({ length: 1_000 }, (_, offset) => ({ offset, key: null, value: null, timestamp: 0 }))
    const { batch, undecodable } = await decode(setOf(1, list), 0, 79_999)
    expect(batch).toBeNull()
    expect(undecodable).toMatchObject({ code: 'KCP_BATCH_TOO_LARGE', offset: '999' })
    expect(undecodable?.message).toContain('becomes 1000 messages, which take 80000 bytes as objects')
    expect((await decode(setOf(1, list), 0, 80_000)).batch?.messages).toHaveLength(1_000)
  })

  it('with a codec that is not there name the package to install', async () => {
    const wrapper = entry(1, { offset: 3, key: null, value: Buffer.from('?'), timestamp: 0, compression: 3 })
    const { undecodable } = await decode(wrapper)
    expect(undecodable).toMatchObject({ code: 'KCP_CODEC_MISSING', offset: '3' })
    expect(undecodable?.message).toContain('Install kafkajs-lz4')
  })

  it.each([0, 1])('are undecodable when any one bit behind the length is wrong (format %i)', async (magic) => {
    const plain = entry(magic, { offset: 0, key: Buffer.from('k'), value: Buffer.from('value'), timestamp: 7 })
    const list = [0, 1].map((offset) => ({ offset, key: null, value: Buffer.from('v'), timestamp: 7 }))
    for (const whole of [plain, setOf(magic, list)]) {
      for (let bit = 12 * 8; bit < whole.length * 8; bit++) {
        const damaged = Buffer.from(whole)
        damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
        expect(await decode(damaged), `bit ${bit}`).toMatchObject({
          batch: null,
          undecodable: { code: 'KCP_BATCH_UNDECODABLE' },
        })
      }
    }
  })

  it('are undecodable when a message within a compressed one is damaged', async () => {
    const inner = entry(1, { offset: 0, key: null, value: Buffer.from('v'), timestamp: 7 })
    inner[inner.length - 1] = 0
    const wrapper = entry(1, { offset: 0, key: null, value: gzipSync(inner), timestamp: 7, compression: 1 })
    expect((await decode(wrapper)).undecodable?.message).toContain('checksum')
  })

  it('whose fields are longer than they are themselves are undecodable', async () => {
    const set = entry(1, { offset: 0, key: Buffer.from('k'), value: Buffer.from('v'), timestamp: 0 })
    set.writeInt32BE(1_000, 26)
    expect((await decode(signEntry(set))).undecodable).toMatchObject({ code: 'KCP_BATCH_UNDECODABLE' })
  })
})
