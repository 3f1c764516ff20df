import type { Suspicion } from './suspicion.js'

/*
 * What stands beside the offset that the pool commits, so that whoever has the partition next goes on counting: nothing, or
 * what is held against its next message, as JSON. Texts of errors stay here: they may hold what others shall not read.
 *
 *   {"kcp":1,"message":{"offset":"7","deaths":2,"of":"KCP_THREAD_EXITED","convictedAtMs":null}}
 */

/** Kafka's own limit (`offset.metadata.max.bytes`); what is longer is not ours. */
const MOST_CHARACTERS = 4_096
const BEGIN = '{"kcp":1,'

/** The text to commit; empty when nothing is held against any message. */
export const metadataOf = (suspicion: Suspicion | null): string => {
  if (suspicion === null) return ''
  const { offset, deaths, error, convictedAtMs } = suspicion
  return JSON.stringify({ kcp: 1, message: { offset, deaths, of: error.code ?? '', convictedAtMs } })
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

/** What another pool held against a message; null for whatever else it may be. */
export const suspicionIn = (metadata: string): Suspicion | null => {
  if (!isOurs(metadata) || metadata.length > MOST_CHARACTERS) return null
  const { message } = (parsed(metadata) ?? {}) as { readonly message?: unknown }
  if (typeof message !== 'object' || message === null) return null
  const { offset, deaths, of, convictedAtMs } = message as Readonly<Record<string, unknown>>
  if (typeof offset !== 'string' || !/^\d{1,18}$/.test(offset) || !isCount(deaths)) return null
  if (typeof of !== 'string' || (convictedAtMs !== null && !isCount(convictedAtMs))) return null
  const error = { name: 'PoolError', code: of, message: `what its own process called ${of}` }
  return { offset, deaths, error, convictedAtMs, company: null }
}
