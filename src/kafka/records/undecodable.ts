import type { ConsumerConfig } from '../../config/resolved.js'
import { ErrorCode, type ErrorContext, PoolError } from '../../errors.js'
import type { CutOffBatch } from '../fetch.js'
import { DecompressedTooLarge, KNOWN_CODECS } from './codecs.js'

/** Where a batch stands: topic, partition and offset at once. */
export interface BatchPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

const errorAt = (code: ErrorCode, place: BatchPlace, what: string, cause?: unknown): PoolError => {
  const { topic, partition, offset } = place
  const context: ErrorContext = { topic, partition, offset: String(offset) }
  return new PoolError(code, `the batch at offset ${offset} of ${topic}[${partition}] ${what}`, { ...context, cause })
}

/** KCP_CODEC_MISSING: names the package to install and the line to configure. */
export const codecMissing = (place: BatchPlace, codec: number): PoolError => {
  const known = KNOWN_CODECS[codec]
  if (known?.package === undefined) {
    return errorAt(ErrorCode.codecMissing, place, `is compressed with codec number ${codec}, which nobody here knows`)
  }
  const { name } = known
  const orNode = name === 'zstd' ? ' (Node 22.15 and later have zstd built in)' : ''
  return errorAt(
    ErrorCode.codecMissing,
    place,
    `is compressed with ${name}, for which no codec is loaded. Install ${known.package} and add it to the kafka options: codecs: { ${name}: '${known.package}' }${orNode}`,
  )
}

/** KCP_BATCH_TOO_LARGE: the broker cut the first batch off and may not be asked for more, so the fetch can never get past it. */
export const batchCutOff = (
  place: BatchPlace,
  { batchBytes, cameBytes }: CutOffBatch,
  { maxBytes, maxBytesPerPartition }: Pick<ConsumerConfig, 'maxBytes' | 'maxBytesPerPartition'>,
): PoolError => {
  const options = [
    ...(maxBytesPerPartition < batchBytes ? ['consumer.maxBytesPerPartition (max.partition.fetch.bytes)'] : []),
    ...(maxBytes < batchBytes ? ['consumer.maxBytes (fetch.max.bytes)'] : []),
  ]
  return errorAt(
    ErrorCode.batchTooLarge,
    place,
    `has ${batchBytes} bytes, and the broker sent ${cameBytes} of them, as many as it may be asked for. Raise ${options.join(' and ')} to at least ${batchBytes}`,
  )
}

/** What went wrong while a batch was decoded, as KCP_BATCH_TOO_LARGE or KCP_BATCH_UNDECODABLE. */
export const undecodable = (place: BatchPlace, cause: unknown, maxDecompressedBytes: number): PoolError => {
  if (cause instanceof PoolError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  if (cause instanceof DecompressedTooLarge) {
    return errorAt(
      ErrorCode.batchTooLarge,
      place,
      `becomes ${reason}, which is over consumer.maxDecompressedBytes = ${maxDecompressedBytes}. Raise that option if the threads have the memory, or let the producer send smaller batches`,
      cause,
    )
  }
  return errorAt(
    ErrorCode.batchUndecodable,
    place,
    `cannot be decoded: ${reason}. It is damaged, or its producer wrote it wrongly; skip it by committing a later offset`,
    cause,
  )
}

/** KCP_BATCH_UNDECODABLE: more aborted transactions than are held against the batches at once. */
export const tooManyAborted = (place: BatchPlace, count: number, most: number): PoolError =>
  errorAt(
    ErrorCode.batchUndecodable,
    place,
    `cannot be read: with it and what comes behind it the broker names ${count} aborted transactions, and ${most} are the most that are read at once. Let less be fetched at once: lower consumer.maxBytesPerPartition (max.partition.fetch.bytes)`,
  )

/** KCP_BATCH_UNDECODABLE: the broker answered with CORRUPT_MESSAGE instead of the batch. */
export const damagedAtBroker = (
  { topic, partition }: { readonly topic: string; readonly partition: number },
  node: number,
  offset: number,
): PoolError =>
  errorAt(
    ErrorCode.batchUndecodable,
    { topic, partition, offset },
    `cannot be read by broker ${node} itself (CORRUPT_MESSAGE): its log is damaged there. Let another replica lead the partition, or skip the batch by committing a later offset`,
  )
