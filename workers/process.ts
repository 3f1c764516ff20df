import { closeSync, openSync } from 'node:fs'
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { ErrorCode, PoolError } from '../src/errors.js'
import { toErrorData } from '../src/protocol/error-data.js'
import { Ledger } from '../src/protocol/ledger.js'
import type { FromThread } from '../src/protocol/messages.js'
import { Page } from '../src/protocol/page.js'
import type {
  FromHosted,
  FromProcess,
  HostedBoot,
  LedgerWord,
  PageWord,
  ToHosted,
  ToProcess,
} from '../src/protocol/process-messages.js'

/*
 * The entry of a child process (`isolation: 'process'`). It has one thread, which is what a thread of the pool's own process
 * is, and hands on what the pool's main thread says. No user code runs here (but what `--import` loads), so that a handler
 * keeps neither main's word from the thread's memory nor the process from its end.
 */

if (process.send === undefined) {
  throw new PoolError(ErrorCode.internal, 'workers/process is the entry of a child process: use ConsumerPool instead')
}

// Ctrl-C and the end of a session come to all processes of a terminal. When this one ends is for the pool to say.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})
/** The pool's process is no more. At once, whatever the handler does: nothing that it does from now on counts. */
const end = (): void => void process.kill(process.pid, 'SIGKILL')

process.on('disconnect', end)
if (!process.connected) end() // it went while this one loaded what `--import` says

/** The file in which the thread notes how far it is, as the pool has handed it down. */
const INHERITED_FD = 4

/** Not as it was handed down: processes that a handler starts would have it, too. */
const ownFd = (): number => {
  try {
    const fd = openSync(`/dev/fd/${INHERITED_FD}`, 'r+')
    closeSync(INHERITED_FD)
    return fd
  } catch {
    return INHERITED_FD
  }
}

const post = (message: FromProcess, then: () => void = () => {}): void => void process.send?.(message, then)

/** What the thread has printed is written without waiting for it, so it may still be on its way. */
const flush = (then: () => void): void => void process.stdout.write('', () => process.stderr.write('', then))

/** The thread of this process, and what it shares with its thread about the task that it has. */
class Host {
  /** To the thread. */
  readonly #line: MessagePort
  readonly #fd = ownFd()
  #id = 0
  #port: MessagePort | null = null
  #ledger: Ledger | null = null
  /** By where their notes are. */
  readonly #pages = new Map<number, Page>()

  constructor({ entry, data, resourceLimits }: Extract<ToProcess, { type: 'boot' }>) {
    const { port1, port2: port } = new MessageChannel()
    this.#line = port1
    port1.on('message', this.#answered)
    const worker = new Worker(new URL('./hosted.js', import.meta.url), { workerData: data, resourceLimits })
    worker.on('error', (thrown: unknown) => {
      this.#hearTheRest()
      post({ type: 'threw', error: toErrorData(thrown) })
    })
    worker.on('exit', (exitCode) => {
      this.#hearTheRest()
      post({ type: 'ended', exitCode }, () => flush(() => process.exit(exitCode)))
    })
    worker.postMessage({ entry, port } satisfies HostedBoot, [port])
  }

  hear(message: Exclude<ToProcess, { type: 'boot' }>): void {
    switch (message.type) {
      case 'task':
        this.#begin(message)
        break
      case 'say':
        this.#port?.postMessage(message.message)
        break
      case 'assign':
        this.#assign(message)
        break
      case 'ledger':
        this.#write(message.word)
        break
      case 'page':
        this.#writeOn(this.#pages.get(message.at), message.word)
        break
    }
  }

  #begin({ id, task, rows, at }: Extract<ToProcess, { type: 'task' }>): void {
    const { port1, port2: port } = new MessageChannel()
    const ledger = Ledger.create(rows)
    this.#port?.close()
    this.#pages.clear()
    this.#id = id
    this.#port = port1
    this.#ledger = ledger
    port1.on('message', this.#said)
    const file = { fd: this.#fd, at }
    const told: ToHosted = { id, task: { ...task, ledger: ledger.buffer, port, file } }
    this.#line.postMessage(told, [port])
  }

  #assign({ message, page, at }: Extract<ToProcess, { type: 'assign' }>): void {
    const memory = new SharedArrayBuffer(page.byteLength)
    new Uint8Array(memory).set(page)
    if (at !== null) this.#pages.set(at, Page.from(memory))
    this.#port?.postMessage({ ...message, page: memory, ...(at === null ? {} : { at }) })
  }

  #write(word: LedgerWord): void {
    if (word.type === 'raise') this.#ledger?.raise(word.bits)
    else if (word.type === 'clear') this.#ledger?.clear(word.bits)
    else if (word.type === 'lease') this.#ledger?.extendLease(word.untilMs, word.aheadMs)
    else this.#ledger?.looked(word.frozenForMs, word.dueMs)
  }

  #writeOn(page: Page | undefined, word: PageWord): void {
    if (word.type === 'revoke') page?.revoke(word.index)
    else page?.sawEnd(word.index, word.end)
  }

  readonly #said = (message: FromThread): void => post({ type: 'said', id: this.#id, message })

  readonly #answered = (message: FromHosted): void => {
    if (message.type !== 'booted') hearAll(this.#port, this.#said)
    post(message)
  }

  /** What the thread has said before its end comes before that. */
  #hearTheRest(): void {
    hearAll(this.#line, this.#answered)
    hearAll(this.#port, this.#said)
  }
}

/** What has come and not been heard yet. */
const hearAll = <T>(port: MessagePort | null, hear: (message: T) => void): void => {
  if (port === null) return
  for (let entry = receiveMessageOnPort(port); entry !== undefined; entry = receiveMessageOnPort(port)) {
    hear(entry.message)
  }
}

let host: Host | null = null

process.on('message', (message: ToProcess) => {
  if (message.type === 'boot') host = new Host(message)
  else host?.hear(message)
})
