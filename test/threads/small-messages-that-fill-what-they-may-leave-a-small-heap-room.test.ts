import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { resolveConfig } from '#src/config/resolve.js'
import { entry } from '../support/kafka/message-set-encoder.js'
import { encodeBatch, varint } from '../support/kafka/record-encoder.js'

/** As many of the smallest messages as take so many bytes as objects, compressed. */
const batchOf = (bytes: number): Buffer => {
  const count = Math.floor(bytes / 80)
  const body: Buffer[] = []
  for (let offset = 0; offset < count; offset++) {
    const content = Buffer.concat([Buffer.from([0, 0]), varint(offset), Buffer.from([1, 1, 0])])
    body.push(varint(content.length), content)
  }
  const records = gzipSync(Buffer.concat(body))
  return encodeBatch({ baseOffset: 0, lastOffsetDelta: count - 1, records: [], count, codec: 1, body: records })
}

/** The same in the format of Kafka 0.10. */
const oldBatchOf = (bytes: number): Buffer => {
  const count = Math.floor(bytes / 80)
  const one = entry(1, { offset: 0, key: null, value: null, timestamp: 0 })
  const all = Buffer.concat(Array.from({ length: count }, () => one))
  for (let offset = 0; offset < count; offset++) all.writeBigInt64BE(BigInt(offset), offset * one.length)
  return entry(1, { offset: count - 1, key: null, value: gzipSync(all), timestamp: 0, compression: 1 })
}

const FORMATS = { 'format 2': batchOf, 'format 1': oldBatchOf }

test.each(
  ([32, 48, 64] as const).flatMap((heapMb) => [[heapMb, 'format 2'] as const, [heapMb, 'format 1'] as const]),
)('a thread with a heap of %i MB holds a full buffer and the largest batch that is allowed (%s)', async (heapMb, format) => {
  const resourceLimits = { maxOldGenerationSizeMb: heapMb }
  const base = { kafka: { brokers: ['a:1'] }, consumer: { groupId: 'g' }, topics: ['t'], handler: './h.js', workers: 1 }
  const [slot] = resolveConfig({ ...base, resourceLimits }, { memoryBytes: 2 ** 32 }).slots
  const { maxDecompressedBytes = 0 } = slot?.consumer ?? {}
  const buffered = Math.min(2 ** 24, (heapMb * 2 ** 20) / 4)
  const sets = [buffered / 4, buffered / 4, buffered / 4, buffered / 4, Math.min(maxDecompressedBytes, 2 ** 26)].map(
    FORMATS[format],
  )
  const worker = new Worker(new URL('../support/threads/holds-batches.mjs', import.meta.url), {
    workerData: { sets, maxDecompressedBytes },
    resourceLimits,
  })
  const said = await Promise.race([once(worker, 'message'), once(worker, 'error')])
  expect(said).toEqual([{ held: sets.length, bufferLimit: buffered }])
  await worker.terminate()
})
