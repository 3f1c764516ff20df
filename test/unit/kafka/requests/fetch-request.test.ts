import { expect, it } from 'vitest'
import type { FetchRequest } from '#src/kafka/fetch.js'
import { encodeBatch, plainRecords } from '../../../support/kafka/record-encoder.js'
import { Api, clientOf, encoder, startStub } from '../../../support/kafka/stub-broker.js'

const BATCH = encodeBatch({ baseOffset: 0, records: plainRecords(0, 50) })

const PARTITIONS = [0, 1, 2].map((partition) => ({ topic: 't', partition, offset: 0, maxBytes: 500_000 }))

/** What comes of one Fetch for which the broker sends these bytes, for the partitions from 0 on. */
const fetchOf = async (records: readonly Buffer[], more: Partial<FetchRequest>, aborted: readonly Buffer[] = []) => {
  const partitions = records.map((bytes, partition) => {
    const body = encoder()
      .writeInt32(partition)
      .writeInt16(0)
      .writeInt64(50) // high watermark
      .writeInt64(50) // last stable offset
      .writeInt64(0)
      .writeInt32((aborted[partition]?.length ?? -16) / 16)
    body.writeBufferInternal(aborted[partition] ?? Buffer.alloc(0))
    return body.writeInt32(-1).writeBytes(bytes)
  })
  const answer = encoder()
    .writeInt32(0)
    .writeInt16(0)
    .writeInt32(0)
    .writeArray([encoder().writeString('t').writeArray(partitions)])
  const { address } = await startStub(({ apiKey }) => (apiKey === Api.fetch ? answer : undefined))
  const client = clientOf([address])
  await client.connect()
  return client.fetch(1, {
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1_000_000,
    maxDecompressedBytes: 1_000_000,
    readUncommitted: false,
    rackId: null,
    partitions: PARTITIONS.slice(0, records.length),
    ...more,
  })
}

it('a batch that is cut off where the whole answer is full is no damaged one', async () => {
  const cut = BATCH.subarray(0, 200)
  const [whole, full] = await fetchOf([BATCH, cut], { maxBytes: BATCH.length + 200 })
  expect(whole).toMatchObject({ cutOff: null, undecodable: null })
  expect(full).toMatchObject({ batch: null, cutOff: { batchBytes: BATCH.length, cameBytes: 200 }, undecodable: null })
  const [, short] = await fetchOf([BATCH, cut], {})
  expect(short).toMatchObject({ batch: null, cutOff: null, undecodable: { code: 'KCP_BATCH_UNDECODABLE' } })
})

it('nothing is said of a partition for whose messages there was no room left, so that it is not asked for more', async () => {
  const none = Buffer.alloc(0)
  const fetched = await fetchOf([BATCH, BATCH, none], { roomBytes: 1 })
  expect(fetched.map(({ partition }) => partition)).toEqual([0, 2])
})

it('a partition that is missing in an answer has an error, unless all are, as when the broker throttles', async () => {
  const [there, missing] = await fetchOf([BATCH], { partitions: PARTITIONS.slice(0, 2) })
  expect(there).toMatchObject({ error: null })
  expect(missing).toMatchObject({ partition: 1, error: 'UNKNOWN_TOPIC_OR_PARTITION', batch: null })
  expect(await fetchOf([], { partitions: PARTITIONS })).toEqual([])
})

it('a partition with more aborted transactions than are real stands still, and the others go on', async () => {
  const [most, more] = [100_000, 100_001].map((count) => Buffer.alloc(16 * count)) as [Buffer, Buffer]
  const [many, few] = await fetchOf([BATCH, BATCH], {}, [more, most])
  expect(many).toMatchObject({ batch: null, undecodable: { code: 'KCP_BATCH_UNDECODABLE', partition: 0, offset: '0' } })
  expect(many?.undecodable?.message).toMatch(
    /100001 aborted transactions.*100000.*lower consumer\.maxBytesPerPartition/,
  )
  expect(few?.batch?.messages).toHaveLength(50)
  // Nobody looks at them who reads what is not committed, too.
  const [uncommitted] = await fetchOf([BATCH], { readUncommitted: true }, [more])
  expect(uncommitted?.batch?.messages).toHaveLength(50)
})

it('a partition with an aborted transaction that begins beyond all offsets stands still, and the others go on', async () => {
  const beyond = Buffer.alloc(16, 0x7f)
  const [first, second] = await fetchOf([BATCH, BATCH], {}, [beyond])
  expect(first).toMatchObject({ batch: null, undecodable: { code: 'KCP_BATCH_UNDECODABLE', partition: 0 } })
  expect(second?.batch?.messages).toHaveLength(50)
})
