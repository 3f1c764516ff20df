import type { Document } from './documents.js'
import type { Sample } from './sample.js'

/** A message to be: a document, its number in the run, and the partition that it goes to. */
export interface PlannedMessage extends Document {
  readonly number: number
  readonly partition: number
}

/** The slots share the partitions evenly, so there are eight, or as many more as that takes. */
export const partitionsFor = (slots: number): number => slots * Math.ceil(8 / slots)

/**
 * Which messages to send: the documents in their order, and then once more from the front, as many as all slots
 * together can compress in the time, judging by what one thread did.
 *
 * Each goes to the partition that has the fewest bytes as yet, so that no slot has to wait for another in the end.
 */
export const planMessages = (
  documents: readonly Document[],
  sample: Sample,
  { slots, budgetMs }: { readonly slots: number; readonly budgetMs: number },
): PlannedMessage[] => {
  let bytesLeft = (sample.bytes / sample.ms) * budgetMs * slots
  const loads = new Array<number>(partitionsFor(slots)).fill(0)
  const messages: PlannedMessage[] = []
  while (bytesLeft > 0 || messages.length < sample.documents) {
    const number = messages.length
    const document = documents[number % documents.length]
    if (document === undefined) break
    const partition = loads.indexOf(Math.min(...loads))
    loads[partition] = (loads[partition] ?? 0) + document.bytes
    messages.push({ ...document, number, partition })
    bytesLeft -= document.bytes
  }
  return messages
}
