import { resourceLimits } from 'node:worker_threads'

/** Memory for messages that are fetched and not yet handled, all partitions of the slot together. */
const MOST_BYTES = 16 * 1024 * 1024

/**
 * The same for a thread with that heap: a quarter of it at the most, because small messages are nearly nothing but objects,
 * and as much again may be in a single batch (`consumer.maxDecompressedBytes`).
 */
export const bufferLimit = (
  heapMb: number = resourceLimits.maxOldGenerationSizeMb ?? Number.POSITIVE_INFINITY,
): number => Math.min(MOST_BYTES, (heapMb * 2 ** 20) / 4)
