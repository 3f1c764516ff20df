import type { TopicPartition } from '../kafka/metadata.js'

/*
 * What a thread writes down before a handler begins, for the case that the whole process dies: a file with a row of fixed size
 * for each handler that may be in flight. What was written outlives the process, though not the machine: nothing is synced.
 */

export const ROW_BYTES = 1_024

/** A message that was in flight. */
export interface JournalEntry extends TopicPartition {
  readonly offset: string
}

/** A row without a handler in flight. */
export const emptyRow = (): Buffer => Buffer.alloc(ROW_BYTES, '\n')

/** Null when the message cannot be written down: names of topics are far shorter than that. */
export const rowOf = ({ topic, partition, offset }: JournalEntry): Buffer | null => {
  const row = emptyRow()
  const text = JSON.stringify({ topic, partition, offset })
  if (Buffer.byteLength(text) > ROW_BYTES) return null
  row.write(text)
  return row
}

const entryIn = (row: Buffer): JournalEntry | null => {
  try {
    const { topic, partition, offset } = JSON.parse(row.toString()) as Partial<JournalEntry>
    const isWhole = typeof topic === 'string' && Number.isSafeInteger(partition) && /^\d{1,18}$/.test(String(offset))
    return isWhole ? { topic, partition: partition as number, offset: String(offset) } : null
  } catch {
    return null // nothing was in flight, or the row is torn
  }
}

/** What was in flight when nobody wrote any more. */
export const entriesIn = (file: Buffer): JournalEntry[] => {
  const rows = Array.from({ length: Math.floor(file.length / ROW_BYTES) }, (_, row) => row * ROW_BYTES)
  return rows.flatMap((at) => entryIn(file.subarray(at, at + ROW_BYTES)) ?? [])
}
