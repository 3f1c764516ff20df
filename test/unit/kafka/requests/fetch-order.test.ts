import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { range } from '../../../support/data/batches.js'
import { FetcherBench } from '../../../support/data/fetcher-bench.js'
import { soon } from '../../../support/data/soon.js'
import { encodeBatch, encodeRecord } from '../../../support/kafka/record-encoder.js'
import { Api, clientOf, encoder, type StubRequest, startStub } from '../../../support/kafka/stub-broker.js'

/* The fetcher and the connection together, in front of a broker that fills its answers as Kafka does (KIP-74). */

interface Asked {
  readonly partition: number
  readonly offset: number
  readonly maxBytes: number
}

/** Fetch version 11 as far as it is needed here; topic `t` only, which may come several times. */
const readFetch = ({ body }: StubRequest): { maxBytes: number; asked: Asked[] } => {
  const asked: Asked[] = []
  let at = 25
  const topics = body.readInt32BE(at)
  at += 4
  for (let topic = 0; topic < topics; topic++) {
    at += 2 + body.readInt16BE(at)
    const partitions = body.readInt32BE(at)
    at += 4
    for (let n = 0; n < partitions; n++, at += 28) {
      const offset = Number(body.readBigInt64BE(at + 8))
      asked.push({ partition: body.readInt32BE(at), offset, maxBytes: body.readInt32BE(at + 24) })
    }
  }
  return { maxBytes: body.readInt32BE(12), asked }
}

const answer = (sets: readonly { partition: number; end: number; records: Buffer | null }[]) =>
  encoder()
    .writeInt32(0)
    .writeInt16(0)
    .writeInt32(0)
    .writeArray([
      encoder()
        .writeString('t')
        .writeArray(
          sets.map(({ partition, end, records }) =>
            encoder()
              .writeInt32(partition)
              .writeInt16(0)
              .writeInt64(end)
              .writeInt64(end)
              .writeInt64(0)
              .writeInt32(-1)
              .writeInt32(-1)
              .writeBytes(records),
          ),
        ),
    ])

/** A broker whose partitions have endless logs of equal batches, one record each, of `sizes[partition]` bytes. */
const startBroker = async (sizes: readonly number[], make = plainBatch) => {
  const fetches: Asked[][] = []
  const stub = await startStub((request) => {
    if (request.apiKey !== Api.fetch) return undefined
    const { maxBytes, asked } = readFetch(request)
    fetches.push(asked)
    let leftBytes = maxBytes
    let least = 1
    return answer(
      asked.map(({ partition, offset, maxBytes }) => {
        const set: Buffer[] = []
        let setBytes = 0
        for (let next = offset; ; next++) {
          const batch = make(next, sizes[partition] ?? 0)
          if (setBytes + batch.length > Math.min(maxBytes, leftBytes) && set.length >= least) break
          set.push(batch)
          setBytes += batch.length
        }
        if (set.length > 0) least = 0
        leftBytes -= setBytes
        return { partition, end: offset + 1_000, records: set.length === 0 ? null : Buffer.concat(set) }
      }),
    )
  })
  return { ...stub, fetches }
}

const plainBatch = (baseOffset: number, bytes: number): Buffer =>
  encodeBatch({ baseOffset, records: [{ offsetDelta: 0, value: Buffer.alloc(bytes) }] })

const start = async (broker: { port: number }, partitions: number) => {
  const leaders = range(0, partitions).map((partition) => ({ partition, leader: 1 }))
  const known = [{ topic: 't', error: null, partitions: leaders }]
  const view = { brokers: [{ nodeId: 1, host: '127.0.0.1', port: broker.port }], topics: known }
  const client = clientOf([`127.0.0.1:${broker.port}`], {}, view)
  await client.connect()
  const bench = new FetcherBench(
    { client: () => client, partitions: leaders },
    { known, consumer: { maxBytesPerPartition: 64 * 1024 } },
  )
  bench.fetcher.start()
  return bench
}

describe('whoever is asked for first', () => {
  test.each([2, 3, 8])('is another one of %i partitions each time, and everybody equally often', async (count) => {
    const broker = await startBroker(range(0, count).map(() => 50_000))
    const bench = await start(broker, count)
    const fetches = () => broker.fetches.filter((asked) => asked.length === count)
    await soon('they were all asked for often enough', () => {
      for (const partition of bench.partitions) bench.drain(partition)
      return fetches().length >= count * 3
    })
    bench.fetcher.close()
    const firsts = fetches().map(([first]) => first?.partition)
    for (const round of [0, 1, 2]) {
      const inRound = firsts.slice(round * count, (round + 1) * count)
      expect([...inRound].sort()).toEqual(range(0, count))
    }
    expect(bench.faults).toEqual([])
  })

  test('gets its batch however large it is, although the others always have something', async () => {
    const broker = await startBroker([50_000, 3_000_000, 50_000, 50_000])
    const bench = await start(broker, 4)
    await soon('it is fetched', () => {
      const done = bench.page.position(1) >= 2n
      for (const partition of bench.partitions) bench.drain(partition)
      return done
    })
    bench.fetcher.close()
    expect(bench.faults).toEqual([])
  })
})

test('an answer that grows far beyond its size is decoded only as far as there is memory', async () => {
  const zip = (baseOffset: number, bytes: number): Buffer => {
    const record = { offsetDelta: 0, value: Buffer.alloc(bytes) }
    return encodeBatch({ baseOffset, codec: 1, records: [record], body: gzipSync(encodeRecord(record)) })
  }
  const MIB = 1024 * 1024
  const cached = new Map<number, Buffer>()
  const make = (baseOffset: number, bytes: number) => {
    const batch = Buffer.from(cached.get(bytes) ?? zip(0, bytes))
    if (!cached.has(bytes)) cached.set(bytes, Buffer.from(batch))
    batch.writeBigInt64BE(BigInt(baseOffset))
    return batch
  }
  const broker = await startBroker(
    range(0, 10).map(() => 4 * MIB),
    make,
  )
  const bench = await start(broker, 10)
  const held = () => [...bench.partitions].reduce((sum, { buffer }) => sum + buffer.bytes, 0)
  let most = 0
  const read = new Set<number>()
  await soon(
    'all of them were read, several times',
    () => {
      most = Math.max(most, held())
      const partition = [...bench.partitions].find(({ buffer }) => !buffer.empty)
      if (partition !== undefined && bench.drain(partition).some((offset) => offset > 4)) read.add(partition.id)
      return read.size === 10
    },
    20_000,
  )
  bench.fetcher.close()
  expect(most).toBeGreaterThan(8 * MIB)
  expect(most).toBeLessThan(21 * MIB)
  expect(bench.faults).toEqual([])
})
