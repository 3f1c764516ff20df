import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'

/** What a handler did to a document. */
export interface Work {
  readonly bytesIn: number
  readonly bytesOut: number
  /** How long it took, in milliseconds. */
  readonly ms: number
}

/** What all threads noted. The keys are numbers of documents, the times milliseconds since the epoch. */
export interface Notes {
  /** How often each document was begun. */
  readonly begun: ReadonlyMap<number, number>
  readonly done: ReadonlyMap<number, Work>
  readonly firstAt: number
  readonly lastAt: number
}

/**
 * A file for each thread in which it notes every handler call, at once, so that a crash cannot lose the note. The demo
 * counts by these notes, not by what the pool says of itself.
 */
export class Journal {
  readonly #folder: string
  #file: number | undefined

  constructor(folder: string) {
    this.#folder = folder
  }

  begun(document: number): void {
    this.#note({ at: Date.now(), begun: document })
  }

  done(document: number, work: Work): void {
    this.#note({ at: Date.now(), done: document, ...work })
  }

  #note(note: object): void {
    this.#file ??= openSync(join(this.#folder, `thread-${threadId}.jsonl`), 'a')
    writeSync(this.#file, `${JSON.stringify(note)}\n`)
  }
}

type Note = { readonly at: number } & ({ readonly begun: number } | ({ readonly done: number } & Work))

const notesOf = (path: string): Note[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Note)

/** Gathers what the threads of this demo noted. */
export const readJournal = (folder: string): Notes => {
  const begun = new Map<number, number>()
  const done = new Map<number, Work>()
  const files = readdirSync(folder).filter((name) => name.endsWith('.jsonl'))
  let firstAt = Number.POSITIVE_INFINITY
  let lastAt = Number.NEGATIVE_INFINITY
  for (const note of files.flatMap((name) => notesOf(join(folder, name)))) {
    firstAt = Math.min(firstAt, note.at)
    lastAt = Math.max(lastAt, note.at)
    if ('begun' in note) begun.set(note.begun, (begun.get(note.begun) ?? 0) + 1)
    else done.set(note.done, note)
  }
  return { begun, done, firstAt, lastAt }
}
