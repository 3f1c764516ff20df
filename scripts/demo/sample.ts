import { Worker } from 'node:worker_threads'
import type { Document } from './documents.js'

/** What one bare thread did: the first `documents` of the list, `bytes` long together, in `ms` milliseconds. */
export interface Sample {
  readonly documents: number
  readonly bytes: number
  readonly ms: number
}

export interface SampleTask {
  readonly documents: readonly Document[]
  readonly budgetMs: number
}

/** Compresses documents from the front of the list in one thread, without Kafka, until the time is over. */
export const sampleOneThread = (task: SampleTask): Promise<Sample> =>
  new Promise((resolve, reject) => {
    const thread = new Worker(new URL('./bare-thread.js', import.meta.url), { workerData: task })
    thread.once('message', resolve)
    thread.once('error', reject)
  })
