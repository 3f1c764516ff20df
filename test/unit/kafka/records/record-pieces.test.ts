import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BatchRange } from '#src/kafka/fetch.js'
import { loadCodecs } from '#src/kafka/records/codecs.js'
import { decodeRecordSet, type RecordSetOptions } from '#src/kafka/records/record-set.js'
import { entry } from '../../../support/kafka/message-set-encoder.js'
import { encodeBatch, plainRecords } from '../../../support/kafka/record-encoder.js'

const codecs = await loadCodecs({})

const decode = (set: Buffer, options: Partial<RecordSetOptions>) =>
  decodeRecordSet(set, {
    ...{ topic: 't', partition: 3, fetchOffset: 0, maxBytes: 1 << 20, aborted: [], codecs },
    ...{ maxDecompressedBytes: 1 << 20, ...options },
  })

const batchAt = (baseOffset: number, count: number, codec = 0) =>
  encodeBatch({ baseOffset, codec, records: plainRecords(0, count) })

describe('a batch in pieces', () => {
  test('comes whole, one piece after the other, whatever their size and its codec', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 4 }),
        fc.constantFrom(0, 1),
        fc.integer({ min: 1, max: 40 }),
        async (counts, codec, mostMessages) => {
          const starts = counts.map((_, n) => counts.slice(0, n).reduce((sum, count) => sum + count, 0))
          const set = Buffer.concat(counts.map((count, n) => batchAt(starts[n] ?? 0, count, codec)))
          const end = counts.reduce((sum, count) => sum + count, 0)
          const offsets: number[] = []
          for (let fetchOffset = 0; fetchOffset < end; ) {
            const { batch, undecodable } = await decode(set, { fetchOffset, mostMessages })
            if (batch === null) throw undecodable
            expect(batch.offsets.length).toBeGreaterThan(0)
            expect(batch.offsets.length).toBeLessThan(mostMessages + Math.min(mostMessages, 30))
            offsets.push(...batch.offsets)
            fetchOffset = batch.nextOffset
          }
          expect(offsets).toEqual(Array.from({ length: end }, (_, offset) => offset))
        },
      ),
    )
  })

  test('may have more messages than would be allowed at once', async () => {
    const set = batchAt(0, 100)
    const maxDecompressedBytes = 80 * 50
    expect((await decode(set, { maxDecompressedBytes })).undecodable).toMatchObject({ code: 'KCP_BATCH_TOO_LARGE' })
    const { batch } = await decode(set, { maxDecompressedBytes, mostMessages: 40 })
    expect([batch?.messages.length, batch?.nextOffset]).toEqual([40, 40])
  })
})

describe('a batch that is not to be decoded', () => {
  const set = Buffer.concat([batchAt(0, 5), batchAt(5, 5), batchAt(10, 5)])

  test('ends what is decoded, and when it is the first one that is said', async () => {
    const { batch } = await decode(set, { stopsAt: 5 })
    expect([batch?.offsets, batch?.nextOffset]).toEqual([[0, 1, 2, 3, 4], 5])
    expect(await decode(set.subarray(batchAt(0, 5).length), { fetchOffset: 5, stopsAt: 5 })).toEqual({
      ...{ batch: null, cutOff: null, undecodable: null, stopped: true },
    })
  })
})

test('of each batch that is decoded is told, also of one that cannot be, until that is over', async () => {
  const told: (BatchRange | null)[] = []
  const decoding = (batch: BatchRange | null) => void told.push(batch)
  const damaged = batchAt(5, 5)
  damaged[damaged.length - 1] = 0xff - (damaged.at(-1) ?? 0)
  const aborted = encodeBatch({ baseOffset: 10, codec: 9, records: plainRecords(0, 2) })
  await decode(Buffer.concat([batchAt(0, 5, 1), damaged, aborted]), { decoding })
  expect(told).toEqual([{ first: 0, last: 4, waits: false }, null, null]) // what its checksum says of the second is not believed
  told.length = 0
  await decode(entry(1, { offset: 3, key: null, value: null, timestamp: 0 }), { decoding })
  expect(told).toEqual([{ first: 0, last: 3, waits: false }, null])
  told.length = 0
  const slow = new Map([
    ...codecs,
    [1, async (bytes: Buffer, most: number) => (await codecs.get(1)?.(bytes, most)) ?? bytes],
  ])
  await decode(batchAt(0, 5, 1), { decoding, codecs: slow })
  expect(told.map((batch) => batch?.waits)).toEqual([false, true, false, undefined]) // handlers have their turn meanwhile
})
