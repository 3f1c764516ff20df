import { fork, type ChildProcess as NodeProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { readText } from '../../../config/read-text.js'
import { fromErrorData } from '../../../protocol/error-data.js'
import type { FromProcess, ToProcess } from '../../../protocol/process-messages.js'
import { after } from '../../../util/timers.js'
import { within } from '../../../util/within.js'
import { type EndOfWorker, saysOutOfMemory } from '../thread-error.js'
import type { PoolWorker } from '../workers.js'
import { childFlags } from './child-flags.js'
import { cpuTimeMs } from './cpu-time.js'
import { ownMemory } from './own-memory.js'
import { Slate } from './slate.js'

const HOST = fileURLToPath(new URL('../../../../workers/process.js', import.meta.url))

/** How long what a process has said may take to be read after its end. */
const LATE_MS = 1_000
/** How long a process may take to end by itself after its thread has. */
const END_MS = 1_000

/** Who has given a process its task. */
export interface Client {
  readonly said: (message: Extract<FromProcess, { type: 'said' }>['message']) => void
  readonly returned: (value: unknown) => void
  readonly rejected: (reason: unknown) => void
}

/** A child process with one thread that fills slots. */
export class ChildProcess extends EventEmitter implements PoolWorker {
  readonly threadId: number
  readonly stdout: Readable
  readonly stderr: Readable
  readonly slate = new Slate()
  readonly #process: NodeProcess
  readonly #onBooted: (worker: PoolWorker) => void
  #client: Client | null = null
  #task = 0
  #outOfMemory = false
  /** How the thread ended, if it did before the process. */
  #threadEnd: EndOfWorker | null = null

  /** @throws what the system says when it gives no process */
  constructor(boot: Omit<Extract<ToProcess, { type: 'boot' }>, 'type'>, onBooted: (worker: PoolWorker) => void) {
    super()
    this.#onBooted = onBooted
    this.#process = this.#fork()
    // What cannot be said to it any more, or what would not be killed, shows in how it ends.
    this.#process.on('error', () => {})
    const { pid, stdout, stderr } = this.#process
    if (pid === undefined || stdout === null || stderr === null) {
      this.slate.close()
      throw new Error(`${process.execPath} could not be started as a child process`)
    }
    this.threadId = pid
    this.stdout = stdout
    this.stderr = stderr
    stderr.on('data', (text: Buffer) => {
      this.#outOfMemory ||= saysOutOfMemory(text.toString('latin1'))
    })
    this.#process.on('message', (message) => this.#hear(message as FromProcess))
    void this.#followToItsEnd(this.#process, stderr)
    this.post({ type: 'boot', ...boot })
  }

  /** Says something to the process; dropped when there is none any more. */
  post(message: ToProcess): void {
    this.#process.send(message, () => {})
  }

  /** What the process says now is for this one. @returns the number of its task */
  attend(client: Client): number {
    this.#client = client
    return ++this.#task
  }

  /** Nobody wants to hear what is still said. */
  leave(client: Client): void {
    if (this.#client === client) this.#client = null
  }

  get rss(): number | undefined {
    return ownMemory(readText(`/proc/${this.threadId}/status`))
  }

  get cpuMs(): number | undefined {
    return cpuTimeMs(readText(`/proc/${this.threadId}/stat`))
  }

  terminate(): void {
    this.#process.kill('SIGKILL')
  }

  unref(): void {
    this.#process.unref()
    this.#process.channel?.unref()
    for (const output of [this.stdout, this.stderr]) (output as Socket).unref()
  }

  #fork(): NodeProcess {
    try {
      return fork(HOST, [], {
        execArgv: childFlags(process.execArgv, process.env.NODE_OPTIONS),
        serialization: 'advanced',
        stdio: ['ignore', 'pipe', 'pipe', 'ipc', this.slate.fd],
      })
    } catch (reason) {
      this.slate.close()
      throw reason
    }
  }

  #hear(message: FromProcess): void {
    switch (message.type) {
      case 'booted':
        this.#onBooted(this)
        break
      case 'threw':
        this.#endsSoon()
        this.emit('error', fromErrorData(message.error))
        break
      case 'ended':
        this.#endsSoon()
        this.#threadEnd = [message.exitCode]
        break
      case 'said':
        if (message.id === this.#task) this.#client?.said(message.message)
        break
      case 'returned':
        if (message.id === this.#task) this.#client?.returned(message.value)
        break
      case 'rejected':
        if (message.id === this.#task) this.#client?.rejected(message.reason)
        break
    }
  }

  #endsSoon(): void {
    after(() => this.terminate(), END_MS).unref()
  }

  /** What it has said and written comes before its `exit`. */
  async #followToItsEnd(child: NodeProcess, stderr: Readable): Promise<void> {
    const heard = new Promise<void>((resolve) => child.once('disconnect', resolve))
    const written = new Promise<void>((resolve) => stderr.once('close', resolve))
    const [exitCode, signal] = await new Promise<EndOfWorker>((resolve) =>
      child.once('exit', (...end) => resolve(end as EndOfWorker)),
    )
    await within(signal === 'SIGABRT' ? Promise.all([heard, written]) : heard, LATE_MS)
    this.emit('exit', ...(this.#threadEnd ?? [exitCode, signal, this.#outOfMemory]))
    this.#client?.rejected(new Error('the process has ended'))
    this.slate.close()
    // A process that the handler has started may still have the other ends of its output.
    after(() => this.unref(), LATE_MS).unref()
  }
}
