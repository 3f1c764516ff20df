import { Ledger } from '../../../protocol/ledger.js'
import type { FromThread, ToThread } from '../../../protocol/messages.js'
import { Page } from '../../../protocol/page.js'
import type { Duty, Line, PoolWorker } from '../workers.js'
import type { ChildProcess, Client } from './child-process.js'
import { MirroredLedger } from './mirrored-ledger.js'
import { PageMirror } from './page-mirror.js'

type Assign = Extract<ToThread, { type: 'assign' }>

/** A page that the process has, and its place in the file. */
interface PageThere {
  readonly mirror: PageMirror
  readonly span: { readonly at: number; readonly bytes: number }
  /** How many of its partitions the process has still. */
  left: number
}

/** The line to a process of its own: messages, and a file in which it notes how far it is. */
export class ProcessLine implements Line {
  readonly ledger: MirroredLedger
  #process: ChildProcess | null = null
  #client: Client | null = null
  #isOver = false
  readonly #waiting: ToThread[] = []
  /** By the ids of the partitions on it. */
  readonly #pages = new Map<number, PageThere>()
  /** What is free when a request is answered. */
  readonly #freed = new Map<number, PageThere[]>()
  #hear: (message: FromThread) => void = () => {}

  constructor(concurrency: number) {
    this.ledger = MirroredLedger.ofRows(concurrency)
  }

  async begin(worker: PoolWorker, task: Duty, signal: AbortSignal): Promise<unknown> {
    const process = worker as ChildProcess
    const { slate } = process
    const { rows } = this.ledger
    const { at } = slate.allot(Ledger.notesFor(rows))
    return new Promise((returned, rejected) => {
      this.#process = process
      this.#client = { said: (message) => this.#heard(message), returned, rejected }
      const id = process.attend(this.#client)
      process.post({ type: 'task', id, task, rows, at })
      this.ledger.connect({
        read: slate.reader(at, Ledger.notesFor(rows)),
        tell: (word) => process.post({ type: 'ledger', word }),
      })
      for (const message of this.#waiting.splice(0)) this.send(message)
      signal.addEventListener('abort', () => process.terminate(), { once: true })
    })
  }

  withdraw(): void {
    this.#isOver = true
    this.#waiting.length = 0
  }

  send(message: ToThread): void {
    if (this.#isOver) return
    if (this.#process === null) this.#waiting.push(message)
    else if (message.type === 'assign') this.#tryAssign(this.#process, message)
    else this.#process.post({ type: 'say', message })
  }

  listen(hear: (message: FromThread) => void): void {
    this.#hear = hear
  }

  close(): void {
    this.#isOver = true
    if (this.#client !== null) this.#process?.leave(this.#client)
    this.ledger.disconnect()
    for (const { mirror } of new Set(this.#pages.values())) mirror.close()
    this.#pages.clear()
  }

  /** Where the system has no room for the file the task fails: the process gets no partition whose progress it could not note. */
  #tryAssign(process: ChildProcess, message: Assign): void {
    try {
      this.#assign(process, message)
    } catch (reason) {
      this.#client?.rejected(reason)
    }
  }

  /** The process gets the page as it is now, and from then on what main writes there. */
  #assign(process: ChildProcess, { page: memory, ...message }: Assign): void {
    const page = Page.madeOf(memory)
    const { length } = message.added
    const there = page === undefined || length === 0 ? null : this.#take(process, page, length)
    const copy = new Uint8Array(memory.byteLength)
    copy.set(new Uint8Array(memory))
    process.post({ type: 'assign', message, page: copy, at: there?.span.at ?? null })
    this.#drop(message)
    for (const { id } of message.added) if (there !== null) this.#pages.set(id, there)
  }

  /** @param left how many of the page's partitions the process gets: some may be kept back */
  #take(process: ChildProcess, page: Page, left: number): PageThere {
    const { slate } = process
    const span = slate.allot(page.size)
    const { at } = span
    const mirror = PageMirror.of(page, {
      read: slate.reader(at, page.size),
      tell: (word) => process.post({ type: 'page', at, word }),
    })
    return { mirror, span, left }
  }

  /** The process writes on a page of which nothing is left until it has answered. */
  #drop({ removed, requestId }: Pick<Assign, 'removed' | 'requestId'>): void {
    for (const id of removed) {
      const there = this.#pages.get(id)
      this.#pages.delete(id)
      if (there === undefined || --there.left > 0) continue
      there.mirror.close()
      this.#freed.set(requestId, [...(this.#freed.get(requestId) ?? []), there])
    }
  }

  #heard(message: FromThread): void {
    if (message.type === 'done') {
      for (const { span } of this.#freed.get(message.requestId) ?? []) this.#process?.slate.release(span)
      this.#freed.delete(message.requestId)
    }
    this.#hear(message)
  }
}
