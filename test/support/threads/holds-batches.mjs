// Decodes record batches, keeps them all, and says how many those are.
import { parentPort, workerData } from 'node:worker_threads'
import { bufferLimit } from '#src/data/fetching/buffer-limit.js'
import '#src/data/runtime.js' // what a thread of a pool has in its heap anyway
import { loadCodecs } from '#src/kafka/records/codecs.js'
import { decodeRecordSet } from '#src/kafka/records/record-set.js'

const { sets, maxDecompressedBytes } = workerData
const codecs = await loadCodecs({})
const held = []
for (const { buffer, byteOffset, length } of sets) {
  const place = { topic: 't', partition: 0, fetchOffset: 0, maxBytes: 2 ** 30, aborted: [] }
  const set = Buffer.from(buffer, byteOffset, length)
  const { batch, undecodable } = await decodeRecordSet(set, { ...place, codecs, maxDecompressedBytes })
  if (undecodable !== null) throw undecodable
  held.push(batch)
}
parentPort?.postMessage({ held: held.length, bufferLimit: bufferLimit() })
