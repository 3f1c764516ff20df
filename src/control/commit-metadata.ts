import type { TopicPartitionOffset } from '../kafka/offsets.js'
import type { Suspicion, Suspicions } from './suspicion.js'
import { NO_SUSPICIONS } from './suspicion.js'

/*
 * What stands beside the offset that the pool commits, so that whoever has the partition next goes on counting: nothing, or
 * what is held against its next message, or a batch, as JSON. Texts of errors stay here: they may hold what others shall not
 * read. `at` is the offset that it was committed with: what copies offsets to another cluster (MirrorMaker) takes the text along,
 * and there it would be held against other messages.
 *
 *   {"kcp":1,"at":"7","message":{"offset":"7","deaths":2,"of":"KCP_THREAD_EXITED","convictedAtMs":null}}
 *   {"kcp":1,"at":"5","batch":{"offset":"7","last":"99","deaths":1,"of":"KCP_THREAD_OUT_OF_MEMORY","convictedAtMs":null}}
 */

/** Kafka's own limit (`offset.metadata.max.bytes`); what is longer is not ours. */
const MOST_CHARACTERS = 4_096
/** What an error code looks like. It comes into log lines and dead letters. */
const CODE = /^[A-Z_]{0,64}$/
const BEGIN = '{"kcp":1,'

const written = ({ offset, last, deaths, error, convictedAtMs }: Suspicion) => ({
  ...{ offset, last, deaths, of: error.code ?? '', convictedAtMs },
})

/** The text to commit with that offset; empty when nothing is held against anything. */
export const metadataOf = ({ message, batch }: Suspicions, offset: bigint): string => {
  if (message === null && batch === null) return ''
  const held = { ...(message && { message: written(message) }), ...(batch && { batch: written(batch) }) }
  return JSON.stringify({ kcp: 1, at: String(offset), ...held })
}

/** Whether a pool wrote it: what others keep there is overwritten when the offset moves, and not before. */
export const isOurs = (metadata: string): boolean => metadata.startsWith(BEGIN)

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isOffset = (value: unknown): value is string => typeof value === 'string' && /^\d{1,18}$/.test(value)

const read = (said: unknown, isBatch: boolean): Suspicion | null => {
  if (typeof said !== 'object' || said === null) return null
  const { offset, last, deaths, of, convictedAtMs } = said as Readonly<Record<string, unknown>>
  if (!isOffset(offset) || !isCount(deaths) || (isBatch && !isOffset(last))) return null
  if (typeof of !== 'string' || !CODE.test(of) || (convictedAtMs !== null && !isCount(convictedAtMs))) return null
  const error = { name: 'PoolError', code: of, message: `what its own process called ${of}` }
  return { offset, ...(isBatch && { last: last as string }), deaths, error, convictedAtMs, company: null }
}

/** What another pool held against what is in a partition; nothing for whatever else it may be. */
export const suspicionsIn = ({
  metadata = '',
  offset,
}: Pick<TopicPartitionOffset, 'metadata' | 'offset'>): Suspicions => {
  if (!isOurs(metadata) || metadata.length > MOST_CHARACTERS) return NO_SUSPICIONS
  const { at, message, batch } = (parsed(metadata) ?? {}) as Readonly<Record<string, unknown>>
  if (at !== String(offset)) return NO_SUSPICIONS
  return { message: read(message, false), batch: read(batch, true) }
}
