import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { compress } from './compress.js'
import type { Sample, SampleTask } from './sample.js'

const { documents, budgetMs } = workerData as SampleTask
let sample: Sample = { documents: 0, bytes: 0, ms: 0 }
for (const { path } of documents) {
  const document = readFileSync(path)
  const since = performance.now()
  compress(document)
  const ms = sample.ms + performance.now() - since
  sample = { documents: sample.documents + 1, bytes: sample.bytes + document.length, ms }
  if (ms >= budgetMs) break
}
parentPort?.postMessage(sample)
