import { readFileSync } from 'node:fs'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { compress } from './handler.js'
import type { Document } from './plan.js'

/** What one bare thread did: the first `documents` of the list, `bytes` long together, in `ms` milliseconds. */
export interface Sample {
  readonly documents: number
  readonly bytes: number
  readonly ms: number
}

interface SampleTask {
  readonly documents: readonly Document[]
  readonly budgetMs: number
}

/** Compresses documents from the front of the list in one thread, without Kafka, until the time is over. */
export const sampleOneThread = (task: SampleTask): Promise<Sample> =>
  new Promise((resolve, reject) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: task })
    thread.once('message', resolve)
    thread.once('error', reject)
  })

const sample = ({ documents, budgetMs }: SampleTask): Sample => {
  let done: Sample = { documents: 0, bytes: 0, ms: 0 }
  for (const { path } of documents) {
    const document = readFileSync(path)
    const since = performance.now()
    compress(document)
    const ms = done.ms + performance.now() - since
    done = { documents: done.documents + 1, bytes: done.bytes + document.length, ms }
    if (ms >= budgetMs) break
  }
  return done
}

// The bare thread is this module.
if (!isMainThread) parentPort?.postMessage(sample(workerData as SampleTask))
