import { createHash } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { extname, join, relative } from 'node:path'
import type { Sample } from './sample.js'

export interface Document {
  readonly path: string
  readonly bytes: number
}

const MAX_BYTES = 256 * 1024

/** What counts as a source file among the installed dependencies. */
const SOURCES = new Set(['.js', '.cjs', '.mjs', '.ts', '.cts', '.mts', '.json', '.md', '.map', '.yml'])

const digest = (text: string): string => createHash('sha1').update(text).digest('hex')

/**
 * The files below a folder that are neither empty nor over 256 KiB; hidden ones and links are left out.
 *
 * Their order looks random and is the same every time (that of a hash of the path), so that any number of them from the
 * front is a fair sample of all.
 *
 * @param every false for the source files only
 */
export const findDocuments = (folder: string, every: boolean): Document[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && (every || SOURCES.has(extname(entry.name))))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, name: relative(folder, path).replaceAll('\\', '/') }))
    .filter(({ name }) => !/(?:^|\/)\./.test(name))
    .map(({ path, name }) => ({ path, bytes: statSync(path).size, order: digest(name) }))
    .filter(({ bytes }) => bytes > 0 && bytes <= MAX_BYTES)
    .sort((a, b) => (a.order < b.order ? -1 : 1))
    .map(({ path, bytes }) => ({ path, bytes }))

/** A message to be: a document, its number in the run, and its place in the topic. */
export interface PlannedMessage extends Document {
  readonly number: number
  readonly partition: number
  readonly offset: number
}

/** The slots share the partitions evenly, so there are eight, or as many more as that takes. */
export const partitionsFor = (slots: number): number => slots * Math.ceil(8 / slots)

/**
 * As many messages as all slots together can handle in the time, judging by what one thread did: the documents in their
 * order, and then once more from the front.
 */
const enough = (
  documents: readonly Document[],
  sample: Sample,
  msOfWork: number,
): (Document & { number: number })[] => {
  let bytesLeft = (sample.bytes / sample.ms) * msOfWork
  const messages: (Document & { number: number })[] = []
  while (bytesLeft > 0 || messages.length < sample.documents) {
    const number = messages.length
    const document = documents[number % documents.length]
    if (document === undefined) break
    messages.push({ ...document, number })
    bytesLeft -= document.bytes
  }
  return messages
}

/** Between 0 and 1, and evenly spread whichever numbers in a row one takes (multiples of the golden ratio). */
const place = (number: number): number => (number * ((Math.sqrt(5) - 1) / 2)) % 1

/**
 * Which messages to send, in the order of sending.
 *
 * The documents of the sample are spread over the whole run, so that a machine that is busy for a while does not distort
 * the comparison with the one thread. Each message goes to the partition that has the fewest bytes as yet, so that no
 * slot has to wait for another in the end.
 */
export const planMessages = (
  documents: readonly Document[],
  sample: Sample,
  { slots, budgetMs }: { readonly slots: number; readonly budgetMs: number },
): PlannedMessage[] => {
  const loads = new Array<number>(partitionsFor(slots)).fill(0)
  const ends = new Array<number>(partitionsFor(slots)).fill(0)
  return enough(documents, sample, budgetMs * slots)
    .sort((a, b) => place(a.number) - place(b.number))
    .map((message) => {
      const partition = loads.indexOf(Math.min(...loads))
      loads[partition] = (loads[partition] ?? 0) + message.bytes
      const offset = ends[partition] ?? 0
      ends[partition] = offset + 1
      return { ...message, partition, offset }
    })
}
